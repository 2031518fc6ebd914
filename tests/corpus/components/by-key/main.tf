# Which key is read stands in the config.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  runtime = var.dependencies["net/${var.config.net_nickname}"]
}

resource "terraform_data" "this" {
  input = local.runtime[var.config.key]
}

output "value" { value = [for name in var.config.more : local.runtime[name]] }
