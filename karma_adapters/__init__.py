"""Adapters: implementations of the core's ports, and the wiring of a workspace."""
