module "naming" {
  source = "../_shared/naming"

  component_name = var.component_name
  nickname       = var.nickname
  region         = var.region
  service        = "lambda"
}

locals {
  bucket = var.dependencies["s3-bucket/${var.config.s3_bucket_nickname}"]

  # The queue is named by nickname, or by the ARN of the parameter that holds its runtime.
  queue_address = try(
    "queue/${var.config.trigger.queue_nickname}",
    regex(":parameter${var.iac_prefix}/(.+)/runtime$", var.config.trigger.parameter_arn)[0],
  )
  queue = var.dependencies[local.queue_address]

  # A function outside any network is attached to no subnet.
  subnets = can(var.config.vpc_nickname) ? var.dependencies["vpc/${var.config.vpc_nickname}"].subnet_ids : []
}

resource "terraform_data" "function" {
  input = {
    name      = module.naming.name
    handler   = var.config.handler
    memory_mb = var.config.memory_mb
    bucket    = local.bucket.bucket_name
  }
}

resource "terraform_data" "trigger" {
  input = { function = terraform_data.function.id, source = local.queue.queue_arn }
}

# The set of subnets is unknown as long as the network is not applied.
resource "terraform_data" "network_interface" {
  for_each = toset(local.subnets)

  input = { function = terraform_data.function.id, subnet = each.key }
}
