"""Plans: what would happen to each component, decided in one place, and kept."""
