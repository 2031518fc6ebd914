"""What every server of ours asks of a request before an application sees it."""
