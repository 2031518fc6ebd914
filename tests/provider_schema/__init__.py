"""Schemas of Terraform's AWS provider, 5 and 6, of the resources that deployments/aws uses."""
