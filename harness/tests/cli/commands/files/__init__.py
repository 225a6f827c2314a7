"""Commands on files that were written before."""
