variable "path" {
  type    = list(string)
  default = ["shared", "main"]
}

locals {
  base = "/${join("/", var.path)}"
  name = "${local.base}/port"
}

data "aws_ssm_parameter" "port" {
  name = local.name
}

resource "terraform_data" "this" {
  input = tonumber(nonsensitive(data.aws_ssm_parameter.port.value)) + 1
}

output "port" { value = terraform_data.this.output }
