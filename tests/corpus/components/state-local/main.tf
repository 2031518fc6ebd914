data "terraform_remote_state" "network" {
  backend = "local"
  config = {
    path = "${var.states}/net/core/terraform.tfstate"
  }
}

variable "states" {
  type = string
}

resource "terraform_data" "this" {
  input = "${data.terraform_remote_state.network.outputs.cidr} ${data.terraform_remote_state.network.outputs["size"]}"
}

output "cidr" { value = terraform_data.this.output }
