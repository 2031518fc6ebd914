# A runtime by the name of its parameter, each producer of a list.
variable "config" {
  type = any
}

variable "iac_prefix" {
  type = string
}

data "aws_ssm_parameter" "queue" {
  count = length(var.config.queue_nicknames)
  name  = "${var.iac_prefix}/queue/${var.config.queue_nicknames[count.index]}/runtime"
}

data "aws_ssm_parameter" "written" {
  name = "${var.iac_prefix}/ssm-own-config/a/runtime"
}

locals {
  queues = [for one in data.aws_ssm_parameter.queue : jsondecode(nonsensitive(one.value))]
}

resource "terraform_data" "this" {
  count = length(local.queues)
  input = local.queues[count.index].arn
}

output "cidr" { value = jsondecode(nonsensitive(data.aws_ssm_parameter.written.value)).cidr }
