"""Service mode on one machine: Prefect server, workers and API as supervised processes, in one command."""
