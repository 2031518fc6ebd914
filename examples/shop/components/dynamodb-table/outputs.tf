output "runtime" {
  value = {
    table_name = module.naming.name
    table_arn  = "${module.naming.arn}:table/${module.naming.name}"
    hash_key   = var.config.hash_key
  }
}
