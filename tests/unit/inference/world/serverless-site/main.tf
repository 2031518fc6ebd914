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

data "aws_route53_zone" "this" {
  count = local.config.enable_custom_domain ? 1 : 0
  name  = local.config.route53_zone_name
}

resource "aws_route53_record" "alias" {
  for_each = local.config.enable_custom_domain ? toset(local.config.domain_aliases) : toset([])
  zone_id  = data.aws_route53_zone.this[0].zone_id
  name     = each.value
  type     = "A"
}

resource "aws_ssm_parameter" "runtime" {
  name  = "${var.iac_prefix}/${var.component_name}/${var.nickname}/runtime"
  type  = "String"
  value = jsonencode({ site = local.config.site_name })
}
