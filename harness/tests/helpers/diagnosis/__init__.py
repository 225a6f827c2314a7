"""What tests of the diagnosis have in common."""
