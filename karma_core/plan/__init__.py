"""Fingerprints, cut-off and the plan document."""
