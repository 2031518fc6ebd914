variable "dependencies" {
  type = any
}

locals {
  queues = { for address, runtime in var.dependencies : trimprefix(address, "queue/") => runtime.arn if startswith(address, "queue/") }
  net    = one([for address, runtime in var.dependencies : runtime.cidr if startswith(address, "net/")])
}

resource "terraform_data" "this" {
  input = { queues = local.queues, net = local.net }
}

output "names" { value = keys(local.queues) }
