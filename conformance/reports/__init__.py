"""A finished run as JSON, JUnit XML and a page."""
