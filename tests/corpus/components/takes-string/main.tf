variable "vpc_id" {
  type        = string
  description = "The network to live in"
}

variable "name" {
  type = string
}

resource "terraform_data" "this" {
  input = "${var.name} in ${var.vpc_id}"
}

output "label" { value = terraform_data.this.output }
