output "runtime" {
  value = {
    service_id = terraform_data.service.id
    host       = "${var.nickname}.${local.cluster.namespace}"
    image      = var.config.image
  }
}
