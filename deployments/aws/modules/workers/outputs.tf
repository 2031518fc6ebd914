output "role_arn" {
  description = "The workers' role."
  value       = aws_iam_role.work.arn
}

output "service" {
  description = "The service, as metrics name it."
  value       = { cluster = aws_ecs_cluster.this.name, name = aws_ecs_service.this.name }
}
