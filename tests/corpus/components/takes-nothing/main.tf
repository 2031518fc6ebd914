variable "gateway" {
  type     = string
  nullable = false
  default  = "10.0.0.1"
}

variable "name" {
  type    = string
  default = null
}

resource "terraform_data" "this" {
  input = "${var.gateway} ${var.name == null ? "without a name" : var.name}"
}

output "gateway" { value = var.gateway }
