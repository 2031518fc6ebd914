variable "parts" {
  type = list(string)
}

variable "separator" {
  type    = string
  default = "-"
}

module "joined" {
  source    = "./joined"
  parts     = [for part in var.parts : lower(part)]
  separator = var.separator
}

output "id" { value = module.joined.text }
output "tags" { value = { Name = module.joined.text, Parts = module.joined.count } }
