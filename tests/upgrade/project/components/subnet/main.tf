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
  input = { network = local.network.id, zone = var.config.zone }
}
output "runtime" {
  value = { id = terraform_data.this.id, zone = var.config.zone, parent = local.network.id }
}
