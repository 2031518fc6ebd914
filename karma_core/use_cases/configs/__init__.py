"""Component configs: published from Git, compared, written by changes, shown."""
