variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

import {
  to = terraform_data.old
  id = "old-${var.dependencies["queue/jobs"].depth}"
}

resource "terraform_data" "old" {
}

output "id" { value = terraform_data.old.id }
