terraform {
  required_version = ">= 1.4"

  backend "s3" {}
}

locals {
  network_id = "vpc-${substr(replace(terraform_data.network.id, "-", ""), 0, 17)}"
}

resource "terraform_data" "network" {
  input = { cidr = var.config.cidr, name = "shop-${var.nickname}" }

  # As with a real VPC, another address range is another network.
  triggers_replace = [var.config.cidr]
}

resource "terraform_data" "subnet" {
  for_each = var.config.subnets

  input            = { network = terraform_data.network.id, cidr = each.value.cidr, zone = "${var.region}${each.value.zone}" }
  triggers_replace = [terraform_data.network.id, each.value.cidr, each.value.zone]
}

resource "terraform_data" "resolver" {
  input = { network = terraform_data.network.id, servers = var.config.dns_servers }
}

resource "terraform_data" "flow_log" {
  count = var.config.flow_log_retention_days > 0 ? 1 : 0

  input = { network = terraform_data.network.id, retention_days = var.config.flow_log_retention_days }
}
