"""Makes the functions' zips: what each needs, found by its imports; the same input gives the same bytes."""
