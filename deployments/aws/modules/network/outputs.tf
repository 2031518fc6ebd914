output "vpc_id" {
  description = "The network."
  value       = local.vpc_id
}

output "subnet_ids" {
  description = "Private subnets of functions and Neptune."
  value       = local.subnets
}

output "worker_subnet_ids" {
  description = "Subnets of workers, with a way out; empty where there is none."
  value       = local.creates ? [for subnet in aws_subnet.workers : subnet.id] : var.existing.worker_subnet_ids
}

output "route_table_ids" {
  description = "Route tables, for peering: of functions and Neptune (private), and of workers."
  value = {
    private = local.tables
    workers = [for table in aws_route_table.workers : table.id]
  }
}

output "security_group_ids" {
  description = "Security groups: of functions, workers and endpoints."
  value = {
    functions = aws_security_group.functions.id
    workers   = aws_security_group.workers.id
    endpoints = aws_security_group.endpoints.id
  }
}
