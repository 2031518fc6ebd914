output "runtime" {
  value = {
    group_id = local.group_id
    ports    = sort([for port in var.config.ports : tostring(port)])
  }
}
