variable "states" {
  type = string
}

variable "network" {
  type = string
}

locals {
  path  = format("%s/%s/%s/terraform.tfstate", var.states, "net", var.network)
  state = data.terraform_remote_state.network.outputs
}

data "terraform_remote_state" "network" {
  backend = "local"
  config  = { path = local.path }
}

resource "terraform_data" "zone" {
  count = length(local.state.zones)
  input = local.state.zones[count.index]
}

output "ids" { value = [for zone, id in local.state.subnet_ids : id] }
