variable "nickname" {
  type = string
}

resource "aws_secretsmanager_secret" "this" {
  name                    = "vault-${var.nickname}"
  recovery_window_in_days = 0
}

resource "aws_secretsmanager_secret_version" "this" {
  secret_id     = aws_secretsmanager_secret.this.id
  secret_string = jsonencode({ user = "app", password = "pa55-${var.nickname}" })
}

output "arn" { value = aws_secretsmanager_secret.this.arn }
