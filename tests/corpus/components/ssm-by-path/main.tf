variable "path" {
  type    = string
  default = "/shared/main"
}

data "aws_ssm_parameters_by_path" "all" {
  path = var.path
}

output "names" { value = data.aws_ssm_parameters_by_path.all.names }
