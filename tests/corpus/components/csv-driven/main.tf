variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  rows = csvdecode(file("${path.module}/../../data/queues.csv"))
}

resource "terraform_data" "row" {
  for_each = { for row in local.rows : row.name => row if row.on == "yes" }
  input    = "${var.dependencies["queue/${each.key}"].arn} ${each.value.owner}"
}

output "names" { value = [for row in local.rows : row.name] }
