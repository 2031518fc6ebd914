"""GraphQL over the same service: types, loaders, limits, and the execution of a query."""
