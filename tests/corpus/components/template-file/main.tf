variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  names = jsondecode(file("${path.module}/names.json"))
  text = templatefile("${path.module}/unit.tftpl", {
    queue = var.dependencies["queue/${local.names.queue}"].url
    zones = var.dependencies["net/${local.names.net}"].zones
  })
}

resource "terraform_data" "this" {
  input = local.text
}

output "lines" { value = length(split("\n", local.text)) }
