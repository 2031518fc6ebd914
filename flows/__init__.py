"""Prefect flows: tasks composed along the component graph."""
