# A queue in Karma's own style: the whole config in, one runtime out.
variable "config" {
  type = any
}

variable "nickname" {
  type = string
}

resource "terraform_data" "queue" {
  input = { name = var.nickname, depth = var.config.depth }
}

output "runtime" {
  value = {
    url   = "https://queues.example.org/${terraform_data.queue.id}"
    arn   = "arn:queue:${var.nickname}"
    depth = var.config.depth
  }
}
