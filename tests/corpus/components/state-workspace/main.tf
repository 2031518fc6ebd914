variable "states" {
  type = string
}

data "terraform_remote_state" "network" {
  backend   = "local"
  workspace = "core"
  config = {
    workspace_dir = "${var.states}/net"
  }
}

resource "terraform_data" "this" {
  input = data.terraform_remote_state.network.outputs.tags
}

output "team" { value = data.terraform_remote_state.network.outputs.tags.team }
