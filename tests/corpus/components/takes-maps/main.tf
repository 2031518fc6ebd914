variable "tags" {
  type = map(string)
}

variable "subnets" {
  type = map(object({ cidr = string, zone = optional(string, "z") }))
}

resource "terraform_data" "subnet" {
  for_each = var.subnets
  input    = merge(var.tags, { place = "${each.key} ${each.value.zone} ${each.value.cidr}" })
}

output "count" { value = length(terraform_data.subnet) }
