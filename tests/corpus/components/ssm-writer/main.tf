# Publishes under names of its own; not in Karma's way.
variable "nickname" {
  type = string
}

variable "values" {
  type = map(string)
}

resource "aws_ssm_parameter" "value" {
  for_each = var.values
  name     = "/shared/${var.nickname}/${each.key}"
  type     = "String"
  value    = each.value
}

resource "aws_ssm_parameter" "all" {
  name  = join("/", ["", "shared", var.nickname, "all"])
  type  = "String"
  value = jsonencode(var.values)
}

output "names" { value = [for one in aws_ssm_parameter.value : one.name] }
