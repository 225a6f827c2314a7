"""What commands do on a cluster: join its scheduler, or start a local one, and show how far it is (`--scheduler`)."""
