"""Checks of `karma doctor`."""
