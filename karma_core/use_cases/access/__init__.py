"""Who may do what: identity, tokens and the policy in force."""
