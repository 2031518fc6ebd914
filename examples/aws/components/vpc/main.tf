variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = object({
    cidr    = string
    subnets = map(object({ cidr = string, zone = string }))
  })
}

resource "aws_vpc" "this" {
  cidr_block = var.config.cidr

  tags = { Name = var.nickname }
}

resource "aws_subnet" "this" {
  for_each = var.config.subnets

  vpc_id            = aws_vpc.this.id
  cidr_block        = each.value.cidr
  availability_zone = "${var.region}${each.value.zone}"

  tags = { Name = "${var.nickname}-${each.key}" }
}

output "runtime" {
  description = "The ids are known only after the apply; the cidr comes from the config."
  value = {
    vpc_id     = aws_vpc.this.id
    cidr       = var.config.cidr
    subnet_ids = { for name, subnet in aws_subnet.this : name => subnet.id }
  }
}
