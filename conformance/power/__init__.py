"""How strong the suite is: thousands of faults, each put into a right implementation, and which check sees it first."""
