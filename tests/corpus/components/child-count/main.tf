variable "config" {
  type = any
}

variable "dependencies" {
  type    = any
  default = {}
}

module "subnet" {
  source  = "../modules/subnet"
  count   = length(var.config.zones)
  network = var.dependencies["net/core"]
  zone    = var.config.zones[count.index]
}

output "first" { value = try(module.subnet[0].id, "none") }
output "texts" { value = module.subnet[*].text }
