"""The six ops: for each a plan, made once for a spec, and a compiled function that carries it out."""
