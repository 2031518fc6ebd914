# OpenTofu reads main.tofu in place of this file.
variable "dependencies" {
  type = any
}

resource "terraform_data" "this" {
  input = var.dependencies["net/core"].cidr
}

output "cidr" { value = terraform_data.this.output }
