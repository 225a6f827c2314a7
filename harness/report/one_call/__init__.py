"""One call beyond its usual time: when nothing of its own is in the caches, and part by part."""
