variable "path" {
  type = string
}

data "terraform_remote_state" "this" {
  backend = "local"
  config  = { path = var.path }
}

output "runtime" { value = data.terraform_remote_state.this.outputs.runtime }
