module "naming" {
  source = "../_shared/naming"

  component_name = var.component_name
  nickname       = var.nickname
  region         = var.region
  service        = "dynamodb"
}

resource "terraform_data" "table" {
  input            = { name = module.naming.name, billing_mode = var.config.billing_mode, ttl = var.config.ttl_attribute }
  triggers_replace = [var.config.hash_key]
}
