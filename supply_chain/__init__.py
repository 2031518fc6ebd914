"""What Karma is made of, and what is known against it: tools for who installs it."""
