"""The charts of the report, as PNG."""
