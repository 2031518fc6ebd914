terraform {
  required_version = ">= 1.4"

  backend "s3" {}
}

locals {
  zone_id = "Z${upper(substr(replace(terraform_data.zone.id, "-", ""), 0, 20))}"
}

resource "terraform_data" "zone" {
  input            = { name = var.config.zone_name, comment = var.config.comment }
  triggers_replace = [var.config.zone_name]
}

resource "terraform_data" "root_record" {
  for_each = var.config.root_records

  input = { zone = terraform_data.zone.id, type = each.key, values = each.value }
}
