variable "zones" {
  type = set(string)
}

variable "ports" {
  type = list(number)
}

variable "pair" {
  type = tuple([string, number])
}

resource "terraform_data" "zone" {
  for_each = var.zones
  input    = each.key
}

resource "terraform_data" "port" {
  count = length(var.ports)
  input = var.ports[count.index] + 1
}

resource "terraform_data" "pair" {
  input = join(":", [for one in var.pair : tostring(one)])
}

output "zones" { value = sort([for one in terraform_data.zone : one.output]) }
