output "event_bus" {
  description = "Bus that functions order runs on."
  value       = { name = aws_cloudwatch_event_bus.this.name, arn = aws_cloudwatch_event_bus.this.arn }
}

output "queue" {
  description = "Queue that orders wait in."
  value       = { url = aws_sqs_queue.orders.id, arn = aws_sqs_queue.orders.arn, name = aws_sqs_queue.orders.name }
}

output "dead_letters" {
  description = "Queue of what could not be delivered or carried out."
  value       = { url = aws_sqs_queue.dead.id, arn = aws_sqs_queue.dead.arn, name = aws_sqs_queue.dead.name }
}
