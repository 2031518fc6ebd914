variable "cidr" {
  type = string
}

resource "aws_vpc" "this" {
  cidr_block = var.cidr
}

output "vpc_id" { value = aws_vpc.this.id }
output "cidr" { value = aws_vpc.this.cidr_block }
output "rules" {
  value = [{ port = 80, from = aws_vpc.this.cidr_block }, { port = 443, from = "0.0.0.0/0" }]
}
