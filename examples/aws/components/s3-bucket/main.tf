variable "region" {
  type = string
}

variable "config" {
  type = object({
    name       = string
    versioning = optional(bool, false)
  })
}

# Versioning is an argument of the bucket itself: the provider's 3.x has no resource of its own for it.
resource "aws_s3_bucket" "this" {
  bucket = var.config.name
  acl    = "private"

  versioning {
    enabled = var.config.versioning
  }
}

output "runtime" {
  value = {
    bucket_name = aws_s3_bucket.this.id
    bucket_arn  = aws_s3_bucket.this.arn
  }
}
