variable "nickname" {
  type = string
}

variable "component_name" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = object({
    route53_zone_name = string
    domains           = list(string)
  })
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
