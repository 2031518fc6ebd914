"""Orders to deploy, destroy or resume: what they say, the gate before them, and carrying them out."""
