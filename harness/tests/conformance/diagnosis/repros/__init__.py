"""The scripts that show a fault without our packages."""
