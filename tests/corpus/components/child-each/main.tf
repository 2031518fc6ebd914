# One instance of a child module for each network that the config lists; a runtime goes in as one thing.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

module "subnet" {
  source   = "../modules/subnet"
  for_each = var.config.networks
  network  = var.dependencies["net/${each.value.net_nickname}"]
  zone     = each.value.zone
}

output "subnets" { value = { for name, one in module.subnet : name => one.text } }
