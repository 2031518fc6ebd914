output "state_table" {
  value = { name = aws_dynamodb_table.state.name, arn = aws_dynamodb_table.state.arn }
}

output "log_table" {
  value = { name = aws_dynamodb_table.log.name, arn = aws_dynamodb_table.log.arn }
}

output "event_bus" {
  value = { name = aws_cloudwatch_event_bus.runs.name, arn = aws_cloudwatch_event_bus.runs.arn }
}
