"""Changes: requests, their judgement, policy, and life cycle. Pure."""
