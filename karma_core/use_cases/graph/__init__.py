"""Use cases of the graph: build, commit, copy and history."""
