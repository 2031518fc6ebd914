output "runtime" {
  value = {
    bucket_name = local.bucket_name
    bucket_arn  = "arn:aws:s3:::${local.bucket_name}"
    domain_name = "${local.bucket_name}.s3.${var.region}.example.net"
  }
}
