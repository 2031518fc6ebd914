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
    vpc_nickname             = string
    security_group_nicknames = list(string)
    capacity                 = object({ min = number, max = number })
  })
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
