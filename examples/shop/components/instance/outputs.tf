output "runtime" {
  value = {
    instance_id = local.instance_id
    image_id    = var.config.image_id
  }
}
