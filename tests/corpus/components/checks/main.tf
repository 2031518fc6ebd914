variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

resource "terraform_data" "this" {
  input = var.config.name
}

check "depth" {
  assert {
    condition     = var.dependencies["queue/jobs"].depth > 2
    error_message = "the queue ${var.dependencies["queue/jobs"].arn} is shallow"
  }
}

output "name" { value = terraform_data.this.output }
