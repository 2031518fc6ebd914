variable "nickname" {
  type = string
}

variable "config" {
  type = object({
    period_seconds = optional(number, 60)
  })
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
