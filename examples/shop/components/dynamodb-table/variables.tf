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
    hash_key      = string
    billing_mode  = optional(string, "PAY_PER_REQUEST")
    ttl_attribute = optional(string)
  })
}
