"""What a test needs of the system: users, devices, disks that are full."""
