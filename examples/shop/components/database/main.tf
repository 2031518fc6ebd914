terraform {
  required_version = ">= 1.4"

  backend "s3" {}
}

locals {
  network = var.dependencies["vpc/${var.config.vpc_nickname}"]
  groups  = [for nickname in var.config.security_group_nicknames : var.dependencies["security-group/${nickname}"].group_id]

  # Stands in for a generated password: it follows from the id of a resource that nothing else shows.
  password = sensitive(substr(sha256("password ${terraform_data.password.id}"), 0, 24))
}

resource "terraform_data" "password" {
  triggers_replace = [try(var.config.password_generation, 1)]
}

# How many there are depends on the network's subnets: unknown as long as the network is not applied.
resource "terraform_data" "subnet_member" {
  count = length(local.network.subnet_ids)

  input = { subnet = local.network.subnet_ids[count.index] }
}

resource "terraform_data" "instance" {
  input = {
    network     = local.network.vpc_id
    groups      = local.groups
    class       = var.config.instance_class
    storage_gb  = var.config.storage_gb
    backup_days = try(var.config.backup_days, 7)
  }

  # A new major version is a new instance.
  triggers_replace = [split(".", var.config.engine_version)[0], terraform_data.subnet_member[*].id]
}
