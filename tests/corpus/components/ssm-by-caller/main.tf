# The name has a part that only AWS knows.
data "aws_caller_identity" "current" {
}

data "aws_ssm_parameter" "endpoint" {
  name = "/shared/${data.aws_caller_identity.current.account_id == "1" ? "spare" : "main"}/endpoint"
}

resource "terraform_data" "this" {
  input = nonsensitive(data.aws_ssm_parameter.endpoint.value)
}

output "endpoint" { value = terraform_data.this.output }
