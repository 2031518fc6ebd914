output "gremlin_url" {
  description = "The writer's endpoint."
  value       = "wss://${aws_neptune_cluster.this.endpoint}:8182/gremlin"
}

output "gremlin_reader_url" {
  description = "The readers' endpoint; the writer's where there is one instance."
  value       = "wss://${aws_neptune_cluster.this.reader_endpoint}:8182/gremlin"
}

output "resource_id" {
  description = "As IAM policies name the cluster's data."
  value       = aws_neptune_cluster.this.cluster_resource_id
}

output "cluster_identifier" {
  description = "The cluster, as metrics name it."
  value       = aws_neptune_cluster.this.cluster_identifier
}

output "slow_query_log_group" {
  description = "Where slow queries are logged."
  value       = aws_cloudwatch_log_group.this["slowquery"].name
}

output "load_role_arn" {
  description = "The role with which the cluster reads what it loads; empty: it loads nothing."
  value       = join("", aws_iam_role.load[*].arn)
}
