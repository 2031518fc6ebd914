"""A copy of all that an environment keeps: taken, examined, and put back."""
