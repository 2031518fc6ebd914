"""Reload actions of component.yaml, one file per kind."""
