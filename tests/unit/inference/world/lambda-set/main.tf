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
  vpcs   = toset([for function in local.config.functions : function.vpc_nickname if can(function.vpc_nickname)])
}

data "aws_ssm_parameter" "vpc" {
  for_each = local.vpcs
  name     = "${var.iac_prefix}/vpc/${each.key}/runtime"
}

resource "aws_lambda_function" "this" {
  for_each      = local.config.functions
  function_name = each.key

  dynamic "vpc_config" {
    for_each = can(each.value.vpc_nickname) ? [jsondecode(data.aws_ssm_parameter.vpc[each.value.vpc_nickname].value)] : []
    content {
      subnet_ids = vpc_config.value.subnet_ids
    }
  }
}

# One config, several functions: each has a runtime of its own.
resource "aws_ssm_parameter" "runtime" {
  for_each = local.config.functions
  name     = "${var.iac_prefix}/lambda/${each.key}/runtime"
  type     = "String"
  value    = jsonencode({ arn = aws_lambda_function.this[each.key].arn })
}
