variable "name" {
  type = string
}
variable "value" {
  type = any
}

resource "aws_ssm_parameter" "this" {
  name  = var.name
  type  = "String"
  value = jsonencode(var.value)
}
