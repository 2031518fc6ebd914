variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "iac_prefix" {
  type = string
}

# What the application reads when it starts. Its own prefix: these are no runtimes.
resource "aws_ssm_parameter" "this" {
  for_each = {
    role  = local.role.role_arn
    table = local.table.table_name
  }

  name  = "/app/${var.nickname}/${each.key}"
  type  = "String"
  value = each.value
}

resource "aws_ssm_parameter" "log_level" {
  name  = "/app/${var.nickname}/log_level"
  type  = "String"
  value = local.config.log_level
}

output "runtime" {
  value = {
    path = "/app/${var.nickname}"
  }
}
