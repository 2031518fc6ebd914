"""The life of a change: from its request to its last state."""
