terraform {
  backend "s3" {}
}

variable "nickname" {
  type = string
}

variable "component_name" {
  type = string
}

variable "iac_prefix" {
  type    = string
  default = "/iac"
}

variable "region" {
  type = string
}

data "aws_ssm_parameter" "config" {
  name = "${var.iac_prefix}/${var.component_name}/${var.nickname}/config"
}

locals {
  config = jsondecode(data.aws_ssm_parameter.config.value)
}

resource "aws_route53_zone" "this" {
  name = local.config.zone_name
}

resource "aws_ssm_parameter" "runtime" {
  name  = "${var.iac_prefix}/${var.component_name}/${var.nickname}/runtime"
  type  = "String"
  value = jsonencode({ zone_id = aws_route53_zone.this.zone_id, zone_name = local.config.zone_name })
}
