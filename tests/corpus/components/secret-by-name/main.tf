data "aws_secretsmanager_secret_version" "this" {
  secret_id = "vault-main"
}

locals {
  secret = jsondecode(data.aws_secretsmanager_secret_version.this.secret_string)
}

resource "terraform_data" "this" {
  input = nonsensitive(local.secret.user)
}

output "user" { value = terraform_data.this.output }
