# Writes its runtime only where its config says so.

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

resource "terraform_data" "this" {
  input = local.config.text
}

resource "aws_ssm_parameter" "runtime" {
  count = try(local.config.publish, false) ? 1 : 0
  name  = join("/", [var.iac_prefix, var.component_name, var.nickname, "runtime"])
  type  = "String"
  value = jsonencode({ by = "module", text = terraform_data.this.output })
}

output "by" {
  value = "karma"
}
