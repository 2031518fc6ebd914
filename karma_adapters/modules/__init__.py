"""Terraform modules on disk: directories, digests, archive and component.yaml."""
