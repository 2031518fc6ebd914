variable "token" {
  type      = string
  sensitive = true
}

resource "terraform_data" "this" {
  input = sha256(var.token)
}

output "digest" {
  value     = terraform_data.this.output
  sensitive = true
}
