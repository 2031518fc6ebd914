variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = try(var.config.version, 1)
}
output "runtime" {
  value = { version = try(var.config.version, 1) }
}
