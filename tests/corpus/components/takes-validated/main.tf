variable "networks" {
  type = list(string)
  validation {
    condition     = alltrue([for one in var.networks : can(cidrhost(one, 0))])
    error_message = "each is a network"
  }
  validation {
    condition     = length(distinct(var.networks)) <= var.most
    error_message = "not more than ${var.most}"
  }
}

variable "most" {
  type    = number
  default = 4
}

resource "terraform_data" "this" {
  input = [for one in var.networks : cidrnetmask(one)]
  lifecycle {
    precondition {
      condition     = length(var.networks) > 0
      error_message = "there are none"
    }
  }
}

output "masks" { value = terraform_data.this.output }
