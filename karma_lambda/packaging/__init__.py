"""Builds the functions' zips from what each one imports; the same input gives the same bytes."""
