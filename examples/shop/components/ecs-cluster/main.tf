terraform {
  required_version = ">= 1.4"

  backend "s3" {}
}

module "naming" {
  source = "../_shared/naming"

  component_name = var.component_name
  nickname       = var.nickname
  region         = var.region
  service        = "ecs"
}

locals {
  network = var.dependencies["vpc/${var.config.vpc_nickname}"]
  groups  = [for nickname in var.config.security_group_nicknames : var.dependencies["security-group/${nickname}"].group_id]
}

resource "terraform_data" "cluster" {
  input = { name = module.naming.name, network = local.network.vpc_id }
}

resource "terraform_data" "capacity" {
  input = {
    cluster     = terraform_data.cluster.id
    subnets     = local.network.subnet_ids
    groups      = local.groups
    dns_servers = local.network.dns_servers
    min         = var.config.capacity.min
    max         = var.config.capacity.max
  }
}
