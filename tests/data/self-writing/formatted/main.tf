# Puts the name together by functions, and writes a second parameter that is no runtime.

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
  parts  = [var.component_name, lower(var.nickname), "runtime"]
  name   = format("%s/%s", var.iac_prefix, join("/", local.parts))
}

resource "terraform_data" "this" {
  input = local.config.text
}

resource "aws_ssm_parameter" "runtime" {
  name  = local.name
  type  = "String"
  value = jsonencode({ text = terraform_data.this.output })
}

resource "aws_ssm_parameter" "note" {
  name  = "/notes/${terraform_data.this.id}"
  type  = "String"
  value = "no runtime"
}
