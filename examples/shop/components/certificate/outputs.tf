output "runtime" {
  value = {
    certificate_arn = "${module.naming.arn}:certificate/${terraform_data.certificate.id}"
    domains         = sort(var.config.domains)
  }
}
