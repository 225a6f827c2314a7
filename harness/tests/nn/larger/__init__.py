"""Arrays that are larger than memory."""
