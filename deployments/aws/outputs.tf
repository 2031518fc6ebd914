output "url" {
  description = "Where the API is."
  value       = module.http_api.url
}

output "gremlin_url" {
  description = "The graph, for the workers' karma.toml."
  value       = module.neptune.gremlin_url
}

output "event_bus" {
  description = "Bus that orders of runs go to where no Prefect API is set."
  value       = module.stores.event_bus
}
