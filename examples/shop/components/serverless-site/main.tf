locals {
  bucket = var.dependencies["s3-bucket/${var.config.s3_bucket_nickname}"]
  zone   = one([for address, runtime in var.dependencies : runtime if startswith(address, "route53-zone/")])
}

resource "terraform_data" "site" {
  input = {
    name           = var.config.site_name
    bucket         = local.bucket.bucket_name
    index_document = var.config.index_document
    error_document = var.config.error_document
  }
}

resource "terraform_data" "ownership_record" {
  input = { zone = local.zone.zone_id, name = "_site.${var.config.site_name}", value = terraform_data.site.id }
}
