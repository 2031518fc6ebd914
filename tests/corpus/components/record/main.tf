variable "domain" {
  type = string
}

variable "target" {
  type = string
}

locals {
  zone = join(".", slice(split(".", var.domain), 1, length(split(".", var.domain))))
}

data "aws_route53_zone" "this" {
  name = "${local.zone}."
}

resource "aws_route53_record" "this" {
  zone_id = data.aws_route53_zone.this.zone_id
  name    = var.domain
  type    = "CNAME"
  ttl     = 60
  records = [var.target]
}

output "fqdn" { value = aws_route53_record.this.fqdn }
