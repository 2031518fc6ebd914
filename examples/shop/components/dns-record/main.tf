locals {
  distribution = var.dependencies["cdn/${var.config.cdn_nickname}"]
  zone         = one([for address, runtime in var.dependencies : runtime if startswith(address, "route53-zone/")])
}

# One record for each name that the distribution answers to.
resource "terraform_data" "alias" {
  for_each = toset(local.distribution.aliases)

  input = {
    zone   = local.zone.zone_id
    name   = each.key
    target = local.distribution.domain_name
    ttl    = var.config.ttl
  }
}
