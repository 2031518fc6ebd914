# Terraform 1.11: an ephemeral resource, and an argument that no state keeps.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

ephemeral "aws_secretsmanager_secret_version" "token" {
  secret_id = var.dependencies["vault/main"].arn
}

resource "aws_ssm_parameter" "this" {
  name             = "/apps/write-only"
  type             = "SecureString"
  value_wo         = ephemeral.aws_secretsmanager_secret_version.token.secret_string
  value_wo_version = var.dependencies["queue/jobs"].depth
}
