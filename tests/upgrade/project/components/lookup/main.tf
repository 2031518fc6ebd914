variable "config" {
  type = any
}
data "aws_route53_zone" "this" {
  name = var.config.zone_name
}
output "runtime" {
  value = { zone_id = data.aws_route53_zone.this.zone_id }
}
