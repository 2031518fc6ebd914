variable "states" {
  type = string
}

data "terraform_remote_state" "queue" {
  backend = "local"
  config  = { path = "${var.states}/queue/jobs/terraform.tfstate" }
}

resource "terraform_data" "this" {
  input = sha256(jsonencode(data.terraform_remote_state.queue.outputs))
}

output "digest" { value = terraform_data.this.output }
