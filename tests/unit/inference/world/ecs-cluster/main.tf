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
  config   = jsondecode(data.aws_ssm_parameter.config.value)
  vpc_path = "${var.iac_prefix}/vpc/${local.config.vpc_nickname}/runtime"
  vpc      = jsondecode(data.aws_ssm_parameter.vpc.value)
}

data "aws_ssm_parameter" "vpc" {
  name = local.vpc_path
}

resource "aws_ecs_cluster" "this" {
  name = coalesce(try(local.config.cluster_name, null), var.nickname)
}

resource "aws_security_group" "this" {
  vpc_id = local.vpc.vpc_id
}

resource "aws_ssm_parameter" "runtime" {
  name  = "${var.iac_prefix}/${var.component_name}/${var.nickname}/runtime"
  type  = "String"
  value = jsonencode({ cluster_arn = aws_ecs_cluster.this.arn, security_group_id = aws_security_group.this.id })
}
