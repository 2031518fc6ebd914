variable "network" {
  type = object({
    id      = string
    cidr    = string
    gateway = optional(string)
    mtu     = optional(number, 1500)
  })
}

resource "terraform_data" "this" {
  input = {
    id  = var.network.id
    mtu = var.network.mtu
    via = coalesce(var.network.gateway, "nothing")
  }
}

output "mtu" { value = var.network.mtu }
