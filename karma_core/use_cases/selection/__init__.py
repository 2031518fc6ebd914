"""Which components a selection means."""
