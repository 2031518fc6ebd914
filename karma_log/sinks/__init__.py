"""Sinks of the log: file, SQLite, DynamoDB and S3."""
