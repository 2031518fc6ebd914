variable "config" {
  type = any
}

variable "dependencies" {
  type = any
  validation {
    condition     = var.dependencies["net/core"].size > 1000
    error_message = "the network ${var.dependencies["net/core"].cidr} is too small"
  }
}

resource "terraform_data" "this" {
  input = var.config.name
  lifecycle {
    precondition {
      condition     = contains(var.dependencies["net/core"].zones, var.config.zone)
      error_message = "there is no such zone"
    }
    postcondition {
      condition     = length(self.input) < var.dependencies["queue/jobs"].depth
      error_message = "the name is too long"
    }
  }
}

output "name" {
  value = terraform_data.this.output
  precondition {
    condition     = !var.dependencies["net/core"].public
    error_message = "not in a public network"
  }
}
