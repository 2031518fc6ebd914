"""Mutation testing of the modules that decide what happens: `make mutants`."""
