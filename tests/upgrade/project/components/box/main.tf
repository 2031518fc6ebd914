variable "config" {
  type = any
}
variable "dependencies" {
  type    = any
  default = {}
}
resource "terraform_data" "this" {
  input = { size = var.config.size, below = [for address, runtime in var.dependencies : address] }
  lifecycle {
    postcondition {
      condition     = !endswith(tostring(self.output.size), "!")
      error_message = "The box has burst."
    }
  }
}
output "runtime" {
  value = { id = terraform_data.this.id, size = var.config.size }
}
