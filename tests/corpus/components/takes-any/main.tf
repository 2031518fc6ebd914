variable "settings" {
  type = any
}

resource "terraform_data" "this" {
  input = jsonencode(var.settings)
}

output "length" { value = length(var.settings.list) }
