"""Plans: deciding what would happen to each component, and storing it."""
