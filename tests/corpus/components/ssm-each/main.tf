variable "sources" {
  type = set(string)
}

data "aws_ssm_parameter" "endpoint" {
  for_each = var.sources
  name     = "/shared/${each.key}/endpoint"
}

resource "terraform_data" "this" {
  for_each = data.aws_ssm_parameter.endpoint
  input    = nonsensitive(each.value.value)
}

output "endpoints" { value = { for name, one in terraform_data.this : name => one.output } }
