variable "iac_prefix" {
  type = string
}
variable "type" {
  type = string
}
variable "nickname" {
  type = string
}
variable "text" {
  type = string
}

module "naming" {
  source = "../naming"
  parts  = [var.iac_prefix, var.type, var.nickname]
}

module "publish" {
  for_each = toset([module.naming.runtime])
  source   = "../publish"
  name     = each.value
  value    = { text = var.text, deep = true }
}
