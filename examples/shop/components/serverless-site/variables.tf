variable "config" {
  type = object({
    site_name          = string
    s3_bucket_nickname = string
    route53_zone_name  = string
    index_document     = optional(string, "index.html")
    error_document     = optional(string, "404.html")
  })
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
