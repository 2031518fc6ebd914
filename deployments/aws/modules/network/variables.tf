variable "name" {
  type        = string
  description = "Beginning of every name."
}

variable "cidr" {
  type        = string
  default     = "10.90.0.0/20"
  description = "Addresses of the network; nothing else needs to reach them."
}

variable "zones" {
  type        = number
  default     = 2
  description = "Availability zones; Neptune wants two at least."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}
