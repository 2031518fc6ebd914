variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

resource "terraform_data" "this" {
  input = jsonencode(var.dependencies["queue/${var.config.queue_nickname}"])
}

output "text" { value = terraform_data.this.output }
