# Readers of YAML differ, so that Karma computes none of it: what follows from it is not known, and said.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  settings = yamldecode(file("${path.module}/settings.yaml"))
}

resource "terraform_data" "this" {
  input = var.dependencies["queue/${local.settings.queue}"].url
}

output "queue" { value = local.settings.queue }
