variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = var.config.zone_name
}
output "runtime" {
  value = { zone_id = terraform_data.this.id, zone_name = var.config.zone_name }
}
