"""The tests near what changed: `make quick`."""
