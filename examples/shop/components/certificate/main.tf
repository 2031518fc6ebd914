module "naming" {
  source = "../_shared/naming"

  component_name = var.component_name
  nickname       = var.nickname
  region         = var.region
  service        = "acm"
}

locals {
  # The zone is named by its DNS name (`match` in component.yaml), so its address is not in the config:
  # it is the one producer of that type. Without it one() is null, and reading zone_id fails.
  zone = one([for address, runtime in var.dependencies : runtime if startswith(address, "route53-zone/")])
}

resource "terraform_data" "certificate" {
  input            = { domains = var.config.domains }
  triggers_replace = [var.config.domains]
}

resource "terraform_data" "validation" {
  for_each = toset(var.config.domains)

  input = { certificate = terraform_data.certificate.id, zone = local.zone.zone_id, name = "_acme.${each.key}" }
}
