variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
locals {
  subnets  = [for nickname in var.config.subnet_nicknames : var.dependencies["subnet/${nickname}"].id]
  database = var.dependencies["database/${var.config.store}"]
  mail     = var.dependencies["legacy/mail"]
}
resource "terraform_data" "this" {
  input = { subnets = local.subnets, database = local.database.address, mail = local.mail.host }
}
resource "terraform_data" "login" {
  triggers_replace = sensitive(local.database.password)
}
output "runtime" {
  value = { id = terraform_data.this.id, url = "https://${var.config.name}", subnets = length(local.subnets) }
}
