variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = object({
    vpc_nickname = string
  })
}

variable "dependencies" {
  type = any
}

locals {
  network = var.dependencies["vpc/${var.config.vpc_nickname}"]
}

resource "aws_route_table" "this" {
  vpc_id = local.network.vpc_id

  tags = { Name = var.nickname }
}

resource "aws_route_table_association" "this" {
  for_each = local.network.subnet_ids

  subnet_id      = each.value
  route_table_id = aws_route_table.this.id
}

output "runtime" {
  value = {
    route_table_id = aws_route_table.this.id
  }
}
