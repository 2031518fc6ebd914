# Config and runtimes come from Parameter Store; what this type publishes is left to Karma (main.tf).

data "aws_ssm_parameter" "config" {
  name = "${var.iac_prefix}/app-settings/${var.nickname}/config"
}

data "aws_ssm_parameter" "role" {
  name = "${var.iac_prefix}/iam-role/${local.config.iam_role_nickname}/runtime"
}

data "aws_ssm_parameter" "table" {
  name = "${var.iac_prefix}/dynamodb-table/${local.config.dynamodb_table_nickname}/runtime"
}

locals {
  # The provider marks every parameter's value as sensitive; these three are not.
  config = jsondecode(nonsensitive(data.aws_ssm_parameter.config.value))
  role   = jsondecode(nonsensitive(data.aws_ssm_parameter.role.value))
  table  = jsondecode(nonsensitive(data.aws_ssm_parameter.table.value))
}
