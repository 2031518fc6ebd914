# One config, the runtimes of several functions; its own it leaves to whoever deploys it.

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
  names  = { for name, _ in local.config.functions : name => "${var.iac_prefix}/lambda/${name}/runtime" }
}

resource "terraform_data" "function" {
  for_each = local.config.functions
  input    = each.value.memory
}

resource "aws_ssm_parameter" "runtime" {
  for_each = local.names
  name     = each.value
  type     = "String"
  value    = jsonencode({ id = terraform_data.function[each.key].id, memory = terraform_data.function[each.key].output })
}

output "count" {
  value = length(local.names)
}
