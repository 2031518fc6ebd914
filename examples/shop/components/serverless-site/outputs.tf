output "runtime" {
  value = {
    site_id       = terraform_data.site.id
    origin_domain = local.bucket.domain_name
    origin_path   = "/${var.config.index_document}"
  }
}
