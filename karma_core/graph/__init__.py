"""The graph: build, validate, diff, impact, query, layout, export."""
