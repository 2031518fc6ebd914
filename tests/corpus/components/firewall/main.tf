variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  network = var.dependencies["vpc/${var.config.vpc_nickname}"]
}

resource "aws_security_group" "this" {
  name   = "corpus"
  vpc_id = local.network.vpc_id
  dynamic "ingress" {
    for_each = concat([{ port = 22, from = local.network.cidr }], var.config.rules)
    iterator = rule
    content {
      protocol    = "tcp"
      from_port   = rule.value.port
      to_port     = rule.value.port
      cidr_blocks = [rule.value.from]
    }
  }
}

output "group_id" { value = aws_security_group.this.id }
