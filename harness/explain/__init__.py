"""A geometry in words, tables and pictures: windows, columns, sums, sizes; for a terminal, a page or a document."""
