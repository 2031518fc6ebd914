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

resource "aws_vpc" "this" {
  cidr_block = local.config.cidr
}

resource "aws_subnet" "this" {
  for_each   = local.config.subnets
  vpc_id     = aws_vpc.this.id
  cidr_block = each.value
}

resource "aws_ssm_parameter" "runtime" {
  name  = "${var.iac_prefix}/${var.component_name}/${var.nickname}/runtime"
  type  = "String"
  value = jsonencode({ vpc_id = aws_vpc.this.id, subnet_ids = [for s in aws_subnet.this : s.id], cidr = local.config.cidr })
}
