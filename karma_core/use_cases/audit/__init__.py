"""What happened and why, read from the log and the artifacts."""
