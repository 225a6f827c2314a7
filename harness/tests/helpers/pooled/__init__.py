"""What native pooling is tested on: geometries, data, and the results of the pooling that is derived from im2col."""
