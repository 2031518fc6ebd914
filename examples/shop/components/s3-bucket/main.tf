locals {
  bucket_name = "shop-${var.nickname}-${substr(terraform_data.bucket.id, 0, 8)}"
}

resource "terraform_data" "bucket" {
  input            = { prefix = "shop-${var.nickname}", region = var.region }
  triggers_replace = [var.region]
}

resource "terraform_data" "versioning" {
  input = { bucket = terraform_data.bucket.id, enabled = try(var.config.versioning, false) }
}

resource "terraform_data" "lifecycle" {
  count = try(var.config.expire_after_days, 0) > 0 ? 1 : 0

  input = { bucket = terraform_data.bucket.id, days = var.config.expire_after_days }
}
