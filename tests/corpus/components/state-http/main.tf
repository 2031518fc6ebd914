variable "bucket" {
  type    = string
  default = "foreign-states"
}

data "terraform_remote_state" "network" {
  backend = "http"
  config  = { address = "https://states.example.org/network" }
}

resource "terraform_data" "this" {
  input = data.terraform_remote_state.network.outputs.cidr
}
