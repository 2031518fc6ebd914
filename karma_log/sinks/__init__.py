"""Where events go: file, sqlite (DynamoDB and S3 on AWS)."""
