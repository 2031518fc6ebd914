"""Stores in SQLite files: graph, state and parameters."""
