# A network as a registry module has it: variables in, outputs out, nothing of Karma.
variable "cidr" {
  type = string
}

variable "zones" {
  type    = list(string)
  default = ["a", "b"]
}

resource "terraform_data" "network" {
  input = var.cidr
}

resource "terraform_data" "subnet" {
  for_each = { for number, zone in var.zones : zone => cidrsubnet(var.cidr, 8, number) }
  input    = each.value
}

output "id" { value = terraform_data.network.id }
output "cidr" { value = var.cidr }
output "subnet_ids" { value = { for zone, subnet in terraform_data.subnet : zone => subnet.id } }
output "zones" { value = var.zones }
output "subnets" {
  value = [for zone, subnet in terraform_data.subnet : { zone = zone, cidr = subnet.input }]
}
output "ports" { value = [80, 443] }
output "size" { value = 16777216 }
output "public" { value = false }
output "tags" { value = { team = "core", cost = "7" } }
output "gateway" { value = null }
output "token" {
  value     = sensitive("t0ken-of-${var.cidr}")
  sensitive = true
}
