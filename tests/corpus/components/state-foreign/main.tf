# The state of nobody here: it may be, and may not be, a component's of another fleet.
variable "foreign" {
  type = string
}

data "terraform_remote_state" "elsewhere" {
  backend = "local"
  config  = { path = var.foreign }
}

resource "terraform_data" "this" {
  input = data.terraform_remote_state.elsewhere.outputs.greeting
}

output "greeting" { value = terraform_data.this.output }
