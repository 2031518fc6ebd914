locals {
  network  = var.dependencies["vpc/${var.config.vpc_nickname}"]
  group_id = "sg-${substr(replace(terraform_data.group.id, "-", ""), 0, 17)}"

  # Other groups whose members may connect, by the group's nickname.
  callers = {
    for nickname in try(var.config.allow_from.security_group_nicknames, []) :
    nickname => var.dependencies["security-group/${nickname}"].group_id
  }
}

resource "terraform_data" "group" {
  input            = { network = local.network.vpc_id, name = "shop-${var.nickname}" }
  triggers_replace = [local.network.vpc_id]
}

resource "terraform_data" "port" {
  for_each = toset([for port in var.config.ports : tostring(port)])

  input = { group = terraform_data.group.id, port = tonumber(each.key), from = local.network.cidr }
}

resource "terraform_data" "caller" {
  for_each = local.callers

  input = { group = terraform_data.group.id, from = each.value }
}
