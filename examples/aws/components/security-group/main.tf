variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = object({
    vpc_nickname = string
    ports        = list(number)
  })
}

variable "dependencies" {
  type = any
}

locals {
  network = var.dependencies["vpc/${var.config.vpc_nickname}"]
}

resource "aws_security_group" "this" {
  name        = var.nickname
  description = "From the network to ${join(", ", var.config.ports)}"
  vpc_id      = local.network.vpc_id
}

resource "aws_security_group_rule" "ingress" {
  for_each = toset([for port in var.config.ports : tostring(port)])

  type              = "ingress"
  protocol          = "tcp"
  from_port         = tonumber(each.key)
  to_port           = tonumber(each.key)
  cidr_blocks       = [local.network.cidr]
  security_group_id = aws_security_group.this.id
}

output "runtime" {
  value = {
    group_id = aws_security_group.this.id
  }
}
