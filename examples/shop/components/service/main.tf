locals {
  cluster = var.dependencies["ecs-cluster/${var.config.cluster_nickname}"]

  # The database is named by nickname, or by the name of the parameter that holds its runtime.
  database_address = try(
    "database/${var.config.database_nickname}",
    regex("^${var.iac_prefix}/(.+)/runtime$", var.config.database_parameter)[0],
  )
  database = var.dependencies[local.database_address]
  # It comes out of a secret parameter in the clear: marked before anything uses it.
  password = sensitive(local.database.password)

  queue_urls = [for nickname in var.config.queue_nicknames : var.dependencies["queue/${nickname}"].queue_url]

  # Values like ssm:/iac/dynamodb-table/carts/runtime become the name of that table.
  environment = {
    for name, value in try(var.config.environment, {}) : name => (
      startswith(value, "ssm:")
      ? var.dependencies[regex("^ssm:${var.iac_prefix}/(.+)/runtime$", value)[0]].table_name
      : value
    )
  }
}

resource "terraform_data" "task_definition" {
  input = {
    image       = var.config.image
    cpu         = var.config.cpu
    memory_mb   = var.config.memory_mb
    database    = "${local.database.endpoint}:${local.database.port}/${local.database.database_name}"
    queues      = local.queue_urls
    environment = local.environment
  }

  # Task definitions are immutable: another image or password is another revision.
  triggers_replace = [var.config.image, local.password]
}

resource "terraform_data" "service" {
  input = {
    cluster         = local.cluster.cluster_arn
    task_definition = terraform_data.task_definition.id
    desired_count   = var.config.desired_count
  }
}
