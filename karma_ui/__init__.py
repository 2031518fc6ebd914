"""Pages over the API: every answer comes from it, by the caller's own token."""
