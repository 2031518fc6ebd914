variable "network" {
  type = any
}

variable "zone" {
  type = string
}

resource "terraform_data" "subnet" {
  input = "${var.network.cidr} ${var.zone}"
}

output "id" { value = terraform_data.subnet.id }
output "text" { value = terraform_data.subnet.output }
output "network" { value = var.network }
