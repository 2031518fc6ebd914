output "runtime" {
  value = {
    zone_id      = local.zone_id
    zone_name    = trimsuffix(var.config.zone_name, ".")
    name_servers = [for server in ["ns-1", "ns-2"] : "${server}.${terraform_data.zone.id}.example.net"]
  }
}
