"""Deploys, destroys and drift checks: steps, journal, resuming."""
