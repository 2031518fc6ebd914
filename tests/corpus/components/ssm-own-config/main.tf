# Karma's older style: config and runtimes by Parameter Store, and the own runtime written there.
variable "nickname" {
  type = string
}

variable "component_name" {
  type = string
}

variable "iac_prefix" {
  type = string
}

locals {
  own     = "${var.iac_prefix}/${var.component_name}/${var.nickname}"
  config  = jsondecode(nonsensitive(data.aws_ssm_parameter.config.value))
  network = jsondecode(nonsensitive(data.aws_ssm_parameter.network.value))
}

data "aws_ssm_parameter" "config" {
  name = "${local.own}/config"
}

data "aws_ssm_parameter" "network" {
  name = "${var.iac_prefix}/net/${local.config.net_nickname}/runtime"
}

resource "terraform_data" "this" {
  input = "${local.network.cidr} ${local.network.zones[0]}"
}

resource "aws_ssm_parameter" "runtime" {
  name  = "${local.own}/runtime"
  type  = "String"
  value = jsonencode({ id = terraform_data.this.id, cidr = local.network.cidr })
}
