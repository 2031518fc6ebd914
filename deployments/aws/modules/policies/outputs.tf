output "policies" {
  description = "By function: its policy as JSON."
  value = {
    for name, statements in local.policies : name => jsonencode({ Version = "2012-10-17", Statement = statements })
  }
}
