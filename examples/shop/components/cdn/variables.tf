variable "config" {
  type = object({
    site_nickname        = string
    certificate_nickname = string
    aliases              = list(string)
  })
}

variable "dependencies" {
  description = "Producer's address to the keys of its runtime that this type consumes."
  type        = any
}
