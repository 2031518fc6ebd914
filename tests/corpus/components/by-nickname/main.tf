variable "config" {
  type = any
}

variable "dependencies" {
  type    = any
  default = {}
}

locals {
  network = var.dependencies["net/${var.config.net_nickname}"]
}

resource "terraform_data" "this" {
  input = "${local.network.cidr} ${local.network["subnet_ids"][var.config.zone]}"
}

output "cidr" { value = local.network.cidr }
