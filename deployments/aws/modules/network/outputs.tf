output "vpc_id" {
  value = aws_vpc.this.id
}

output "subnet_ids" {
  value = [for subnet in aws_subnet.private : subnet.id]
}

output "functions_security_group_id" {
  value = aws_security_group.functions.id
}
