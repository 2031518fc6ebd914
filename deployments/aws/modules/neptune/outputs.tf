output "gremlin_url" {
  value = "wss://${aws_neptune_cluster.this.endpoint}:8182/gremlin"
}

output "resource_id" {
  description = "As IAM policies name the cluster's data."
  value       = aws_neptune_cluster.this.cluster_resource_id
}
