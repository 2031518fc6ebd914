"""Adapters on this machine's files and threads."""
