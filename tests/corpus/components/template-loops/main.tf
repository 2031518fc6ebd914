variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

resource "terraform_data" "this" {
  input = "%{ for name in var.config.queue_nicknames ~}${name}=${var.dependencies["queue/${name}"].arn},%{ endfor ~}"
}

resource "terraform_data" "ports" {
  input = "%{ for index, port in var.dependencies["net/core"].ports }${index}:${port + 1} %{ endfor }"
}

output "text" { value = terraform_data.this.output }
