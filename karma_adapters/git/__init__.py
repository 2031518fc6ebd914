"""Configs in a Git work tree, and pull requests on GitHub."""
