"""Resolving selections to components."""
