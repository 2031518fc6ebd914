"""AWS: Parameter Store, S3 and DynamoDB behind Karma's ports. boto3 is imported when a client is made."""
