output "runtime" {
  value = {
    distribution_id = local.distribution_id
    domain_name     = "${lower(local.distribution_id)}.cdn.example.net"
    aliases         = sort(var.config.aliases)
  }
}
