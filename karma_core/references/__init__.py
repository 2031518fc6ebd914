"""The ways in which a dependency is found, one file each, behind one interface."""
