"""The graph: built, committed to its store, copied, and as it was."""
