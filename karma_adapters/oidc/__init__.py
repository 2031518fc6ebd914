"""Issuers of OIDC tokens: their keys, the verification of tokens, and signing in to the pages."""
