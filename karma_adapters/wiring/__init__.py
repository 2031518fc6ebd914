"""From settings to a wired workspace."""
