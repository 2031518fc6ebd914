# The state that others read as it stands here; Karma keeps it where it keeps all.
terraform {
  backend "gcs" {
    bucket = "foreign-states"
    prefix = "network/core"
  }
}

variable "cidr" {
  type = string
}

resource "terraform_data" "network" {
  input = var.cidr
}

output "cidr" { value = terraform_data.network.output }
