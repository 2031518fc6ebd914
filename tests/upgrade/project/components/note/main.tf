variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = var.config.text
}
output "runtime" {
  value = { text = var.config.text }
}
