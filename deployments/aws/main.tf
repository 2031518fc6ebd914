# One environment, serverless: HTTP API, functions, tables, bucket, Neptune, orders of runs, alarms, and workers.

provider "aws" {
  region = var.region

  default_tags {
    tags = var.tags
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  name = "karma-${var.environment}"
  # Neptune gives up before the function does, and the function before the API.
  function_seconds = 29
  orders_by_bus    = try(var.project.service.prefect_api_url, "") == ""
  project = merge(var.project, {
    project = { default_environment = var.environment }
    log     = { sinks = ["dynamodb"], required = "dynamodb" }
    environments = {
      (var.environment) = merge(var.environment_settings, {
        region       = var.region
        prefix       = var.prefix
        parameters   = "ssm"
        state        = "dynamodb"
        artifacts    = "s3"
        graph        = "gremlin"
        gremlin_url  = module.neptune.gremlin_url
        gremlin_auth = "sigv4"
        # One instance is writer and reader: asking twice would gain nothing.
        gremlin_reader_url = var.neptune_instances > 1 ? module.neptune.gremlin_reader_url : ""
        gremlin_load_role  = module.neptune.load_role_arn
        aws = {
          state_table      = module.stores.state_table.name
          log_table        = module.stores.log_table.name
          bucket           = module.bucket.name
          kms_key_id       = var.kms_key_arn == null ? "" : var.kms_key_arn
          object_lock_days = var.object_lock_days
        }
      })
    }
  })
}

module "network" {
  source = "./modules/network"

  name                = local.name
  existing            = var.existing_network
  cidr                = var.cidr
  nat                 = var.nat
  gateway_endpoints   = var.gateway_endpoints
  interface_endpoints = var.interface_endpoints == null ? concat(["ssm"], local.orders_by_bus ? ["events"] : []) : var.interface_endpoints
  kms_key_arn         = var.kms_key_arn
}

module "neptune" {
  source = "./modules/neptune"

  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.subnet_ids
  client_security_groups = merge({ functions = module.network.security_group_ids.functions, workers = module.network.security_group_ids.workers }, var.worker_security_groups)
  engine_version         = var.neptune_engine_version
  query_timeout_seconds  = local.function_seconds - 9
  min_capacity           = var.neptune_min_capacity
  max_capacity           = var.neptune_max_capacity
  instances              = var.neptune_instances
  kms_key_arn            = var.kms_key_arn
  log_kms_key_arn        = var.kms_key_arn
  load_from              = [{ bucket_arn = module.bucket.arn, folder = "${var.environment}/load" }]
  load_kms_key_arn       = var.kms_key_arn
}

module "stores" {
  source = "./modules/stores"

  name                = local.name
  kms_key_arn         = var.kms_key_arn
  deletion_protection = var.deletion_protection
}

module "bucket" {
  source = "./modules/bucket"

  name             = "${local.name}-${data.aws_caller_identity.current.account_id}-${var.region}"
  environments     = [var.environment]
  object_lock_days = var.object_lock_days
  kms_key_arn      = var.kms_key_arn
  force_destroy    = !var.deletion_protection
}

module "orders" {
  source = "./modules/orders"

  name         = local.name
  kms_key_arn  = var.kms_key_arn
  alarm_topics = var.alarm_topics
}

module "functions" {
  source = "./modules/functions"

  name                   = local.name
  package_dir            = var.package_dir
  project                = local.project
  authorizer             = var.authorizer
  prefect_auth_parameter = var.prefect_auth_parameter

  webhook_secret_parameters = var.webhook_secret_parameters
  artifacts_are_locked      = var.object_lock_days > 0

  region                  = var.region
  account_id              = data.aws_caller_identity.current.account_id
  partition               = data.aws_partition.current.partition
  prefix                  = var.prefix
  state_table             = module.stores.state_table
  log_table               = module.stores.log_table
  bucket                  = module.bucket.name
  event_bus               = module.orders.event_bus
  neptune_resource_arn    = "arn:${data.aws_partition.current.partition}:neptune-db:${var.region}:${data.aws_caller_identity.current.account_id}:${module.neptune.resource_id}/*"
  runtime                 = var.runtime
  timeout_seconds         = local.function_seconds
  snap_start              = var.snap_start
  provisioned_concurrency = var.provisioned_concurrency
  subnet_ids              = module.network.subnet_ids
  security_group_ids      = [module.network.security_group_ids.functions]
  kms_key_arn             = var.kms_key_arn
  alarm_topics            = var.alarm_topics
}

module "http_api" {
  source = "./modules/http-api"

  name          = local.name
  functions     = module.functions.functions
  authorization = var.authorization
  jwt_issuer    = var.jwt_issuer
  jwt_audience  = var.jwt_audience
  kms_key_arn   = var.kms_key_arn
  alarm_topics  = var.alarm_topics
}

module "alarms" {
  source = "./modules/alarms"

  name                 = local.name
  environment          = var.environment
  region               = var.region
  functions            = { for name, function in module.functions.functions : name => function.name }
  timeout_seconds      = local.function_seconds
  api_id               = module.http_api.api_id
  tables               = { state = module.stores.state_table.name, log = module.stores.log_table.name }
  cluster_identifier   = module.neptune.cluster_identifier
  neptune_max_capacity = var.neptune_max_capacity
  slow_query_log_group = module.neptune.slow_query_log_group
  event_bus            = module.orders.event_bus.name
  orders_queue         = module.orders.queue.name
  dead_letters         = module.orders.dead_letters.name
  alarm_topics         = var.alarm_topics
}

module "workers" {
  source = "./modules/workers"
  count  = var.workers == null ? 0 : 1

  name              = local.name
  region            = var.region
  image             = var.workers.image
  workers           = var.workers.count
  repository_arn    = var.workers.repository_arn
  environment       = var.workers.environment
  secret_arns       = var.workers.secret_arns
  policy_arns       = var.workers.policy_arns
  orders_queue      = module.orders.queue
  subnet_ids        = module.network.worker_subnet_ids
  security_group_id = module.network.security_group_ids.workers
  kms_key_arn       = var.kms_key_arn
  alarm_topics      = var.alarm_topics
}

# What the module `stores` had before orders had one of their own.
moved {
  from = module.stores.aws_cloudwatch_event_bus.runs
  to   = module.orders.aws_cloudwatch_event_bus.this
}
