variable "nickname" {
  type = string
}

variable "config" {
  type = object({
    vpc_nickname = string
    follows      = list(string)
    poll_seconds = optional(number, 30)
  })
}
