variable "nickname" {
  type = string
}
variable "owner" {
  type    = string
  default = "nobody"
}
variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
terraform {
  backend "s3" {}
}
module "naming" {
  source   = "../_shared/naming"
  nickname = var.nickname
  owner    = var.owner
}
resource "terraform_data" "this" {
  input            = { cidr = var.config.cidr, name = module.naming.name }
  triggers_replace = var.config.cidr
}
output "runtime" {
  value = {
    id          = terraform_data.this.id
    name        = module.naming.name
    cidr        = var.config.cidr
    dns_servers = var.config.dns_servers
    endpoint    = { host = "${var.nickname}.example.org", port = try(var.config.port, 443) }
  }
}
