"""Access control: identity, tokens and the policy in force."""
