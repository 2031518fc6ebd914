variable "parts" {
  type = list(string)
}

variable "network" {
  type = object({ cidr = string })
}

module "label" {
  source    = "../modules/label"
  parts     = var.parts
  separator = "/"
}

module "subnet" {
  source   = "../modules/subnet"
  for_each = toset([for part in var.parts : part if length(part) == 1])
  network  = var.network
  zone     = each.key
}

resource "terraform_data" "this" {
  input = module.label.id
}

output "id" { value = module.label.id }
