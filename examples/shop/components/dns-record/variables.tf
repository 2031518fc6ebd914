variable "config" {
  type = object({
    cdn_nickname      = string
    route53_zone_name = string
    ttl               = optional(number, 300)
  })
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
