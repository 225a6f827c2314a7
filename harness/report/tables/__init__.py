"""The tables of the report, one file a question; each is shown on the page and saved as CSV and Markdown."""
