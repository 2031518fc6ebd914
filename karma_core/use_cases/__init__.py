"""What Karma can do, one file a use case, over the ports of one workspace."""
