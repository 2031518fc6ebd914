"""A Prefect API, spoken to over REST; Prefect itself is loaded by flows and tasks alone."""
