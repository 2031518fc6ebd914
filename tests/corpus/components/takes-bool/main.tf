variable "public" {
  type = bool
}

resource "terraform_data" "gateway" {
  count = var.public ? 1 : 0
  input = "a gateway"
}

resource "terraform_data" "this" {
  input = var.public ? "open" : "closed"
}

output "state" { value = terraform_data.this.output }
