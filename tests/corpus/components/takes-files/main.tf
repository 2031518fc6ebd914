# Values of variables in files of the module's own, which the config is above.
variable "size" {
  type = number
}

variable "team" {
  type = string
}

variable "region" {
  type = string
}

variable "environment" {
  type = string
}

variable "owner" {
  type = string
}

variable "cidr" {
  type = string
}

resource "terraform_data" "this" {
  input = "${var.size} ${var.team} ${var.region} ${var.environment} ${var.owner} ${var.cidr}"
}

output "text" { value = terraform_data.this.output }
