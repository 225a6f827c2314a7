"""What it means that a backend could not be imported or made: a library is missing here, or its own code is wrong."""
