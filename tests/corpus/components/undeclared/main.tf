# Reads a producer of which the config says nothing.
variable "dependencies" {
  type    = any
  default = {}
}

resource "terraform_data" "this" {
  input = "of the team core"
}

output "arn" { value = can(var.dependencies["queue/jobs"]) ? "there" : "not there" }
