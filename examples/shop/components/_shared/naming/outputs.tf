output "name" {
  description = "Name of the resource."
  value       = local.name
}

output "account_id" {
  description = "Account that ARNs and URLs name."
  value       = local.account_id
}

output "arn" {
  description = "ARN without the resource part, which each service writes in its own way."
  value       = "arn:aws:${var.service}:${var.region}:${local.account_id}"
}
