"""A run on a cluster, with real schedulers and workers, and part by part."""
