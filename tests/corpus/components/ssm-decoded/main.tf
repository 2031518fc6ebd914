data "aws_ssm_parameter" "all" {
  name = "/shared/main/all"
}

locals {
  all = jsondecode(nonsensitive(data.aws_ssm_parameter.all.value))
}

resource "terraform_data" "this" {
  input = "${local.all.endpoint}:${local.all["port"]}"
}

output "address" { value = terraform_data.this.output }
