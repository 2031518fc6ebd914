"""The outside, behind the core's ports, and the one place that wires it."""
