terraform {
  required_version = ">= 1.4"

  backend "s3" {}
}

locals {
  site        = var.dependencies["serverless-site/${var.config.site_nickname}"]
  certificate = var.dependencies["certificate/${var.config.certificate_nickname}"]

  # Services that the config declares under depends_on are origins for /api.
  services = { for address, runtime in var.dependencies : address => runtime.host if startswith(address, "service/") }

  distribution_id = "E${upper(substr(replace(terraform_data.distribution.id, "-", ""), 0, 13))}"
}

resource "terraform_data" "distribution" {
  input = {
    aliases     = var.config.aliases
    certificate = local.certificate.certificate_arn
    origin      = "${local.site.origin_domain}${local.site.origin_path}"
  }
}

resource "terraform_data" "service_origin" {
  for_each = local.services

  input = { distribution = terraform_data.distribution.id, path = "/api/*", host = each.value }
}
