variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = object({
    cidr                    = string
    subnets                 = map(object({ cidr = string, zone = string }))
    dns_servers             = list(string)
    flow_log_retention_days = optional(number, 0)
  })
}
