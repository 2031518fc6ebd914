"""Terraform (or OpenTofu) behind `ports.Terraform`."""
