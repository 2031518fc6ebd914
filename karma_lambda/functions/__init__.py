"""The functions: each module's `handler` is one, and loads what its routes need."""
