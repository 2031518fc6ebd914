variable "states" {
  type = string
}

variable "networks" {
  type = set(string)
}

data "terraform_remote_state" "network" {
  for_each = var.networks
  backend  = "local"
  config   = { path = "${var.states}/net/${each.key}/terraform.tfstate" }
}

resource "terraform_data" "this" {
  for_each = data.terraform_remote_state.network
  input    = each.value.outputs.cidr
}

output "sizes" { value = { for name, one in data.terraform_remote_state.network : name => one.outputs.size } }
