# What comes out of a child module is still the runtime that went in.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

module "subnet" {
  source  = "../modules/subnet"
  network = var.dependencies["net/${var.config.net_nickname}"]
  zone    = "z"
}

module "label" {
  source = "../modules/label"
  parts  = module.subnet.network.zones
}

output "id" { value = module.label.id }
output "size" { value = module.subnet.network.size }
