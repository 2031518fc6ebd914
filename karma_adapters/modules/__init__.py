"""Terraform modules on disk: found, hashed, archived, and their component.yaml."""
