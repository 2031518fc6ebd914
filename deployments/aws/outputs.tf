output "url" {
  description = "Where the API is."
  value       = module.http_api.url
}

output "gremlin_url" {
  description = "The graph, for the workers' karma.toml."
  value       = module.neptune.gremlin_url
}

output "gremlin_reader_url" {
  description = "The graph's readers."
  value       = module.neptune.gremlin_reader_url
}

output "event_bus" {
  description = "Bus that orders of runs go to where no Prefect API is set."
  value       = module.orders.event_bus
}

output "orders_queue" {
  description = "Queue that orders wait in, and the queue of what could not be carried out."
  value       = { orders = module.orders.queue, dead = module.orders.dead_letters }
}

output "network" {
  description = "VPC, subnets, route tables and security groups: for peering, and for workers that run elsewhere."
  value = {
    vpc_id             = module.network.vpc_id
    subnet_ids         = module.network.subnet_ids
    worker_subnet_ids  = module.network.worker_subnet_ids
    route_table_ids    = module.network.route_table_ids
    security_group_ids = module.network.security_group_ids
  }
}

output "stores" {
  description = "Tables and bucket, for the workers' karma.toml."
  value = {
    state_table = module.stores.state_table.name
    log_table   = module.stores.log_table.name
    bucket      = module.bucket.name
  }
}

output "dashboard" {
  description = "The dashboard in CloudWatch."
  value       = module.alarms.dashboard
}

output "worker_role_arn" {
  description = "The workers' role; null where they run elsewhere."
  value       = one(module.workers[*].role_arn)
}
