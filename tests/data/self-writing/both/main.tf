# Writes its runtime, with outputs that are none.

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
  path   = "${var.iac_prefix}/${var.component_name}/${var.nickname}"
}

resource "terraform_data" "this" {
  input = local.config.text
}

resource "aws_ssm_parameter" "this" {
  name  = "${local.path}/${local.suffix}"
  type  = "SecureString"
  value = jsonencode({ password = "for ${terraform_data.this.output}" })
}

locals {
  suffix = "runtime"
}

output "note" {
  value = "no runtime"
}
