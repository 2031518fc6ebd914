variable "nickname" {
  type = string
}
variable "owner" {
  type    = string
  default = "nobody"
}
output "name" {
  value = "${var.owner}-${var.nickname}"
}
