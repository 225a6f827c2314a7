"""One run that the workers of a dask.distributed cluster share, on one machine or many (`--scheduler`)."""
