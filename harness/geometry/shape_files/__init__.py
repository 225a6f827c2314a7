"""Files that list layers: tables of any tool's columns, lines of specs and descriptors, logs of libraries, models.

`contents` reads the bytes, `lines`, `table` and `logs` the text, `columns` knows what others call their columns.
"""
