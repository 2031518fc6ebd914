variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = any
}
