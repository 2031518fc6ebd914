# One environment, serverless: HTTP API, functions, tables, bucket, Neptune in a network of its own, alarms.

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

  name = local.name
  cidr = var.cidr
}

module "neptune" {
  source = "./modules/neptune"

  name                   = local.name
  vpc_id                 = module.network.vpc_id
  subnet_ids             = module.network.subnet_ids
  client_security_groups = merge({ functions = module.network.functions_security_group_id }, var.worker_security_groups)
  min_capacity           = var.neptune_min_capacity
  max_capacity           = var.neptune_max_capacity
  instances              = var.neptune_instances
  kms_key_arn            = var.kms_key_arn
}

module "stores" {
  source = "./modules/stores"

  name        = local.name
  kms_key_arn = var.kms_key_arn
}

module "bucket" {
  source = "./modules/bucket"

  name             = "${local.name}-${data.aws_caller_identity.current.account_id}-${var.region}"
  environments     = [var.environment]
  object_lock_days = var.object_lock_days
  kms_key_arn      = var.kms_key_arn
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

  region               = var.region
  account_id           = data.aws_caller_identity.current.account_id
  partition            = data.aws_partition.current.partition
  prefixes             = compact([var.prefix, var.prefect_auth_parameter])
  state_table          = module.stores.state_table
  log_table            = module.stores.log_table
  bucket               = module.bucket.name
  event_bus            = module.stores.event_bus
  neptune_resource_arn = "arn:${data.aws_partition.current.partition}:neptune-db:${var.region}:${data.aws_caller_identity.current.account_id}:${module.neptune.resource_id}/*"
  runtime              = var.runtime
  subnet_ids           = module.network.subnet_ids
  security_group_ids   = [module.network.functions_security_group_id]
  kms_key_arn          = var.kms_key_arn
  alarm_topics         = var.alarm_topics
}

module "http_api" {
  source = "./modules/http-api"

  name          = local.name
  functions     = module.functions.functions
  authorization = var.authorization
  jwt_issuer    = var.jwt_issuer
  jwt_audience  = var.jwt_audience
  alarm_topics  = var.alarm_topics
}
