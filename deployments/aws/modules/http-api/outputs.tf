output "api_id" {
  description = "The API."
  value       = aws_apigatewayv2_api.this.id
}

output "url" {
  description = "Where the API is."
  value       = aws_apigatewayv2_api.this.api_endpoint
}
