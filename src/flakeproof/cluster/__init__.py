"""Share a run out over the nodes of a cluster: see README.md."""
