"""The resolvers, which find dependencies: one file each, behind one interface, listed in `resolvers`."""
