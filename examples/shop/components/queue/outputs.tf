output "runtime" {
  value = {
    queue_url          = "https://sqs.${var.region}.example.net/${module.naming.account_id}/${module.naming.name}"
    queue_arn          = "${module.naming.arn}:${module.naming.name}"
    visibility_seconds = var.config.visibility_seconds
  }
}
