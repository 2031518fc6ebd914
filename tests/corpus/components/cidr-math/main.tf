variable "network" {
  type = string
}

variable "bits" {
  type    = number
  default = 4
}

locals {
  blocks = cidrsubnets(var.network, var.bits, var.bits, 8)
  hosts  = { for index, block in local.blocks : format("block-%02d", index) => cidrhost(block, 1) }
}

resource "terraform_data" "block" {
  count = 3
  input = local.blocks[count.index]
}

output "hosts" { value = local.hosts }
