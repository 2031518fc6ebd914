variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  network = var.dependencies["net/${var.config.net_nickname}"]
  cidrs   = local.network.subnets[*].cidr
  ids     = [for zone in local.network.zones : local.network.subnet_ids[zone]]
  matched = zipmap(local.network.zones, local.cidrs)
}

resource "terraform_data" "this" {
  count = length(local.network.zones)
  input = "${element(local.ids, count.index)} ${local.cidrs[count.index]} ${local.matched[local.network.zones[count.index]]}"
}

output "cidrs" { value = local.cidrs }
