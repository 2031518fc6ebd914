data "aws_ssm_parameter" "foreign" {
  name = "/others/endpoint"
}

data "aws_ssm_parameter" "image" {
  name = "/aws/service/ami-amazon-linux-latest/amzn2-ami-hvm-x86_64-gp2"
}

resource "terraform_data" "this" {
  input = nonsensitive("${data.aws_ssm_parameter.foreign.value} ${data.aws_ssm_parameter.image.value}")
}

output "text" { value = terraform_data.this.output }
