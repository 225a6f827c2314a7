"""Commands on files that were written before: what changed between two, and what several say together."""
