variable "name" {
  type = string
}

moved {
  from = terraform_data.web
  to   = terraform_data.server
}

moved {
  from = module.gone.terraform_data.this
  to   = terraform_data.other["x"]
}

removed {
  from = terraform_data.forgotten
  lifecycle {
    destroy = false
  }
}

resource "terraform_data" "server" {
  input = var.name
}

resource "terraform_data" "other" {
  for_each         = toset(["x", "y"])
  triggers_replace = terraform_data.server.id
}

output "name" { value = var.name }
