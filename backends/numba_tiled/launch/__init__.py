"""What lies between Python and a compiled function: threads, scratch memory, the cache of compiled code."""
