variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  source = var.dependencies["${var.config.source_type}/${var.config.source_nickname}"]
}

resource "terraform_data" "this" {
  input = "${local.source.arn} ${var.config.region_nickname}"
}

output "arn" { value = local.source.arn }
