module "naming" {
  source = "../_shared/naming"

  component_name = var.component_name
  nickname       = var.nickname
  region         = var.region
  service        = "sqs"
}

locals {
  # Not every queue has a queue for messages that could not be handled.
  dead_letters = can(var.config.redrive) ? [var.dependencies["queue/${var.config.redrive.queue_nickname}"].queue_arn] : []
}

resource "terraform_data" "queue" {
  input = { name = module.naming.name, visibility_seconds = var.config.visibility_seconds }
}

resource "terraform_data" "redrive" {
  count = length(local.dead_letters)

  input = { queue = terraform_data.queue.id, target = local.dead_letters[count.index], after = var.config.redrive.max_receive_count }
}
