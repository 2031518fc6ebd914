variable "config" {
  type = any
}

variable "dependencies" {
  type    = any
  default = {}
}

locals {
  network = var.dependencies["net/core"]
  alias   = try(local.network.alias, "none")
  mtu     = lookup(local.network, "mtu", 1500)
  backup  = try(var.dependencies["net/backup"].cidr, local.network.cidr)
}

resource "terraform_data" "this" {
  input = "${local.alias} ${local.mtu} ${local.backup}"
}

output "alias" { value = local.alias }
