variable "config" {
  type = object({ queue_nicknames = optional(list(string), []), net_nickname = optional(string) })
}

variable "dependencies" {
  type    = any
  default = {}
}

resource "terraform_data" "queue" {
  for_each = toset(var.config.queue_nicknames)
  input    = var.dependencies["queue/${each.key}"].url
}

resource "terraform_data" "network" {
  count = var.config.net_nickname != null ? 1 : 0
  input = var.dependencies["net/${var.config.net_nickname}"].id
}

output "urls" { value = { for name, one in terraform_data.queue : name => one.output } }
