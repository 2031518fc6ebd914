# Names that are put together in every way that modules know.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  parts  = split("_", var.config.first)
  first  = format("%s/%s", local.parts[0], element(local.parts, 1))
  second = join("/", reverse([lower("CORE"), trimspace(" net ")]))
  third  = replace(var.config.third, "/^x-/", "")
  fourth = one(distinct([for one in var.config.list : substr(one, 2, -1) if can(regex("^q:", one))]))
  merged = merge({ target = "net/none" }, var.config.over, { target = coalesce("", null, "net/edge") })
  read = {
    first  = var.dependencies[local.first].arn
    second = var.dependencies[local.second].cidr
    third  = var.dependencies[local.third].depth
    fourth = var.dependencies[local.fourth].url
    fifth  = var.dependencies[local.merged["target"]].zones
    sixth  = var.dependencies[flatten([["net/core"], []])[0]].size
  }
}

resource "terraform_data" "this" {
  input = local.read
}

output "names" { value = keys(local.read) }
