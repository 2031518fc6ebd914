variable "token" {
  type      = string
  ephemeral = true
  sensitive = true
}

variable "network" {
  type = string
}

locals {
  pair = "${var.network}/${var.token}"
}

resource "terraform_data" "this" {
  input = var.network
  provisioner "local-exec" {
    command     = "test -n \"$TOKEN\""
    environment = { TOKEN = local.pair }
  }
}

output "kept" { value = nonsensitive(ephemeralasnull(local.pair) == null) }
