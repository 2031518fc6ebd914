output "name" {
  description = "The bucket."
  value       = aws_s3_bucket.this.bucket
}

output "arn" {
  description = "The bucket, as policies name it."
  value       = aws_s3_bucket.this.arn
}
