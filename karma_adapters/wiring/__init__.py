"""Wiring: builds a workspace from settings."""
