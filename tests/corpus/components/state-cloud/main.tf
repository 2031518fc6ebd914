data "terraform_remote_state" "network" {
  backend = "remote"
  config = {
    organization = "example"
    workspaces   = { name = "network" }
  }
}

resource "terraform_data" "this" {
  input = data.terraform_remote_state.network.outputs.cidr
}
