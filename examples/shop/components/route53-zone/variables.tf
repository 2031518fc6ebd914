variable "config" {
  type = object({
    zone_name    = string
    comment      = optional(string, "")
    root_records = optional(map(list(string)), {})
  })
}
