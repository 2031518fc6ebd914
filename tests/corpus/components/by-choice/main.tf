# The config decides which branch holds, and so which producer is read.
variable "config" {
  type = any
}

variable "dependencies" {
  type    = any
  default = {}
}

locals {
  kind   = lookup(var.config, "kind", "none")
  target = local.kind == "queue" ? "queue/jobs" : "net/core"
  value = (
    local.kind == "none" ? "nothing"
    : local.kind == "queue" ? var.dependencies[local.target].url
    : var.dependencies[local.target].cidr
  )
}

resource "terraform_data" "this" {
  input = local.value
}

output "value" { value = local.value }
