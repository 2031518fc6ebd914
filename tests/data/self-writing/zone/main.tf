# Takes a part of the name from a key of its config that need not be there.

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
  config  = nonsensitive(jsondecode(data.aws_ssm_parameter.config.value))
  alias   = try(local.config.publish.alias, var.nickname)
  details = { runtime = "${var.iac_prefix}/${var.component_name}/${local.alias}/runtime" }
}

resource "terraform_data" "zone" {
  input = local.config.zone_name
}

resource "aws_ssm_parameter" "runtime" {
  name  = local.details["runtime"]
  type  = "String"
  value = jsonencode({ zone_id = terraform_data.zone.id, zone_name = local.config.zone_name })
}
