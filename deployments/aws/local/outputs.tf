output "api_id" {
  value = module.http_api.api_id
}

output "project" {
  value = local.project
}

output "orders_queue" {
  value = module.orders.queue.url
}
