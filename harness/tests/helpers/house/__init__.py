"""What the tests of the house know of it: its floors, and the pages of its documentation."""
