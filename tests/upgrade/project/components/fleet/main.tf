variable "iac_prefix" {
  type = string
}
variable "component_name" {
  type = string
}
variable "nickname" {
  type = string
}
data "aws_ssm_parameter" "config" {
  name = "${var.iac_prefix}/${var.component_name}/${var.nickname}/config"
}
data "aws_ssm_parameter" "zone" {
  name = "${var.iac_prefix}/hosted-zone/${local.config.zone}/runtime"
}
locals {
  config = jsondecode(data.aws_ssm_parameter.config.value)
  zone   = jsondecode(data.aws_ssm_parameter.zone.value)
}
resource "aws_ssm_parameter" "runtime" {
  for_each = toset(local.config.ships)
  name     = "${var.iac_prefix}/ship/${each.key}/runtime"
  type     = "String"
  value    = jsonencode({ zone = local.zone.zone_id })
}
