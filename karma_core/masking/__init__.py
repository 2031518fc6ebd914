"""Masking of secrets: the one place that knows what a secret looks like, in keys, values and texts."""
