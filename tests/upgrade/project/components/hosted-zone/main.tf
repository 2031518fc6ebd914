variable "config" {
  type = any
}
resource "aws_route53_zone" "this" {
  name = var.config.zone_name
}
output "runtime" {
  value = { zone_id = aws_route53_zone.this.zone_id }
}
