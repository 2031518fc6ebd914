"""Inference of a module's reads and writes: symbolic facts once per type, evaluated per component."""
