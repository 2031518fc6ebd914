variable "name" {
  type = string
}

resource "terraform_data" "this" {
  input = var.name
}

output "name" { value = var.name }
