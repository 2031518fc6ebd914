"""Prefect tasks: retries, timeout, logging and one call each."""
