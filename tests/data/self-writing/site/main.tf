# Names its runtime through locals, and has no outputs: whoever takes its outputs for its runtime writes {}.

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
  config       = nonsensitive(jsondecode(data.aws_ssm_parameter.config.value))
  base         = "${var.iac_prefix}/${var.component_name}/${var.nickname}"
  runtime_name = "${local.base}/runtime"
}

resource "terraform_data" "site" {
  input = local.config.domain
}

resource "aws_ssm_parameter" "published" {
  name  = local.runtime_name
  type  = "String"
  value = jsonencode({ id = terraform_data.site.id, domain = local.config.domain, big = 18000000000000000000 })
}
