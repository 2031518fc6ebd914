variable "states" {
  type = string
}

data "terraform_remote_state" "network" {
  backend  = "local"
  config   = { path = "${var.states}/net/core/terraform.tfstate" }
  defaults = { alias = "without one" }
}

locals {
  alias = data.terraform_remote_state.network.outputs.alias
  mtu   = try(data.terraform_remote_state.network.outputs.mtu, 1500)
}

resource "terraform_data" "this" {
  input = "${local.alias} ${local.mtu}"
}

output "alias" { value = local.alias }
