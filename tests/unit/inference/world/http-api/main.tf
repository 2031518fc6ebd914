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

data "aws_ssm_parameter" "function" {
  for_each = toset([for route in local.config.routes : route.function])
  name     = "${var.iac_prefix}/lambda/${each.key}/runtime"
}

resource "aws_apigatewayv2_integration" "this" {
  for_each        = local.config.routes
  integration_uri = jsondecode(data.aws_ssm_parameter.function[each.value.function].value)["arn"]
}

data "aws_ssm_parameter" "sso" {
  count = try(local.config.cognito_sso_nickname, null) != null ? 1 : 0
  name  = "${var.iac_prefix}/cognito-sso/${local.config.cognito_sso_nickname}/runtime"
}
