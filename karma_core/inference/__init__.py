"""What a module reads and writes, from its files: symbolic facts once a type, evaluated per component."""
