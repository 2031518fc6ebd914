output "state_table" {
  description = "The state's table."
  value       = { name = aws_dynamodb_table.state.name, arn = aws_dynamodb_table.state.arn }
}

output "log_table" {
  description = "The log's table."
  value       = { name = aws_dynamodb_table.log.name, arn = aws_dynamodb_table.log.arn }
}
