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
  type = any
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
