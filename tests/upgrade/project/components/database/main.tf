variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
locals {
  network = var.dependencies["network/${var.config.network_nickname}"]
}
resource "terraform_data" "this" {
  input = { network = local.network.id, size = var.config.size }
}
resource "terraform_data" "password" {
  triggers_replace = sensitive(var.config.seed)
}
output "address" {
  value = "db.${local.network.endpoint.host}"
}
output "size" {
  value = var.config.size
}
output "password" {
  value     = sensitive("pw-${var.config.seed}")
  sensitive = true
}
