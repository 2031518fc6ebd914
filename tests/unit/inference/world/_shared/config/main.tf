# Every component of this platform reads its own config and publishes its own runtime through parameters.

variable "iac_prefix" {
  type = string
}

variable "component_name" {
  type = string
}

variable "nickname" {
  type = string
}

data "aws_ssm_parameter" "config" {
  name = "${var.iac_prefix}/${var.component_name}/${var.nickname}/config"
}

output "config" {
  value = jsondecode(nonsensitive(data.aws_ssm_parameter.config.value))
}
