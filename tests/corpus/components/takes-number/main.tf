variable "addresses" {
  type = number
  validation {
    condition     = var.addresses > 0
    error_message = "there must be addresses"
  }
}

variable "factor" {
  type    = number
  default = 2
}

resource "terraform_data" "this" {
  count = var.addresses > 1000 ? 2 : 1
  input = var.addresses * var.factor
}

output "product" { value = terraform_data.this[0].output }
