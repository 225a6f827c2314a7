"""The side of a run on a cluster that is on a worker: who it is, the files of a plug-in, one batch in a child."""
