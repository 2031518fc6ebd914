variable "vault" {
  type = string
}

data "aws_secretsmanager_secret" "this" {
  name = "vault-${var.vault}"
}

data "aws_secretsmanager_secret_version" "this" {
  secret_id = data.aws_secretsmanager_secret.this.id
}

resource "aws_sqs_queue" "this" {
  name = "corpus-secret"
  tags = { digest = substr(sha256(nonsensitive(data.aws_secretsmanager_secret_version.this.secret_string)), 0, 8) }
}

output "url" { value = aws_sqs_queue.this.id }
