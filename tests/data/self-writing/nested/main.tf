# Writes its runtime three modules deep.

variable "nickname" {
  type = string
}
variable "component_name" {
  type = string
}
variable "iac_prefix" {
  type = string
}
variable "region" {
  type = string
}

data "aws_ssm_parameter" "config" {
  name = "${var.iac_prefix}/${var.component_name}/${var.nickname}/config"
}

locals {
  config = nonsensitive(jsondecode(data.aws_ssm_parameter.config.value))
}

module "layer" {
  source     = "../_shared/layer"
  iac_prefix = var.iac_prefix
  type       = var.component_name
  nickname   = var.nickname
  text       = local.config.text
}
