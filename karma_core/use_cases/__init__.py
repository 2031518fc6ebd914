"""The use cases of Karma, one file each, over the ports of one workspace."""
