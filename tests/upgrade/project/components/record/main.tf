variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
locals {
  zone    = one([for address, runtime in var.dependencies : runtime if startswith(address, "zone/")])
  service = var.dependencies["service/${var.config.service_nickname}"]
}
resource "terraform_data" "this" {
  input = { zone = local.zone.zone_id, url = local.service.url }
}
output "runtime" {
  value = { name = "${var.config.name}.${local.zone.zone_name}" }
}
