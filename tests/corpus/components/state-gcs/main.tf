variable "bucket" {
  type    = string
  default = "foreign-states"
}

data "terraform_remote_state" "network" {
  backend = "gcs"
  config  = { bucket = var.bucket, prefix = "network/core" }
}

resource "terraform_data" "this" {
  input = data.terraform_remote_state.network.outputs.cidr
}
