"""Files that list layers: tables of any tool's columns, or lines of specs and benchdnn descriptors.

`contents` reads the bytes, `lines` and `table` the text, `columns` knows what others call their columns.
"""
