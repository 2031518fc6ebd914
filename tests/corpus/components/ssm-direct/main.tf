data "aws_ssm_parameter" "endpoint" {
  name = "/shared/main/endpoint"
}

resource "terraform_data" "this" {
  input = nonsensitive(data.aws_ssm_parameter.endpoint.value)
}

output "endpoint" { value = terraform_data.this.output }
