# Nothing in the config: the environment says which network is meant.
variable "network" {
  type    = string
  default = "core"
}

variable "owner" {
  type = string
}

variable "environment" {
  type = string
}

variable "dependencies" {
  type = any
}

resource "terraform_data" "this" {
  input = "${var.dependencies["net/${var.network}"].cidr} ${var.owner} ${var.environment}"
}

output "text" { value = terraform_data.this.output }
