variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

module "label" {
  source = "../modules/label"
  parts  = ["App", var.dependencies["net/${var.config.net_nickname}"].cidr]
}

resource "terraform_data" "this" {
  input = module.label.tags
}

output "name" { value = module.label.id }
