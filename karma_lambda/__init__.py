"""The API as stateless Lambda functions behind API Gateway: one function for each resource."""
