variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  files = fileset(path.module, "queues/*.json")
  names = toset([for file in local.files : trimsuffix(basename(file), ".json")])
}

resource "terraform_data" "this" {
  for_each = local.names
  input    = "${var.dependencies["queue/${each.key}"].url} ${jsondecode(file("${path.module}/queues/${each.key}.json")).note}"
}

output "names" { value = local.names }
