# The modules that an old provider can express too, applied to a local AWS; the graph is a Gremlin Server.

terraform {
  required_version = ">= 1.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 3.39, < 4.0"
    }
  }
}

provider "aws" {
  region = var.region

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_force_path_style         = true

  # Both API Gateways are under apigateway.
  endpoints {
    apigateway       = var.aws_endpoint
    cloudwatch       = var.aws_endpoint
    cloudwatchevents = var.aws_endpoint
    cloudwatchlogs   = var.aws_endpoint
    dynamodb         = var.aws_endpoint
    iam              = var.aws_endpoint
    lambda           = var.aws_endpoint
    s3               = var.aws_endpoint
    sqs              = var.aws_endpoint
    sts              = var.aws_endpoint
  }
}

locals {
  project = {
    project  = { default_environment = var.environment }
    log      = { sinks = ["dynamodb"], required = "dynamodb" }
    api      = { requests_per_second = 10000, burst = 10000 }
    webhooks = { repositories = ["acme/infra"] }
    environments = {
      (var.environment) = {
        region      = var.region
        parameters  = "ssm"
        state       = "dynamodb"
        artifacts   = "s3"
        graph       = "gremlin"
        gremlin_url = var.gremlin_url
        aws = {
          endpoint_url        = var.aws_endpoint
          state_table         = module.stores.state_table.name
          log_table           = module.stores.log_table.name
          bucket              = aws_s3_bucket.artifacts.bucket
          requests_per_second = 1000
        }
      }
    }
  }
}

module "stores" {
  source = "../modules/stores"

  name                   = var.name
  point_in_time_recovery = false
}

resource "aws_s3_bucket" "artifacts" {
  bucket        = "${var.name}-artifacts"
  force_destroy = true
}

module "functions" {
  source = "../modules/functions"

  name         = var.name
  package_dir  = var.package_dir
  project      = local.project
  answer_bytes = var.answer_bytes

  webhook_secret_parameters = var.webhook_secret_parameters

  region       = var.region
  account_id   = "000000000000"
  prefixes     = ["/iac"]
  state_table  = module.stores.state_table
  log_table    = module.stores.log_table
  bucket       = aws_s3_bucket.artifacts.bucket
  event_bus    = module.stores.event_bus
  runtime      = var.runtime
  aws_endpoint = var.aws_endpoint
}

module "http_api" {
  source = "../modules/http-api"

  name      = var.name
  functions = module.functions.functions
}

# Where a worker would listen for orders.
resource "aws_sqs_queue" "orders" {
  name = "${var.name}-orders"
}

resource "aws_cloudwatch_event_rule" "orders" {
  name           = "${var.name}-orders"
  event_bus_name = module.stores.event_bus.name
  event_pattern  = jsonencode({ source = ["karma"] })
}

resource "aws_cloudwatch_event_target" "orders" {
  rule           = aws_cloudwatch_event_rule.orders.name
  event_bus_name = module.stores.event_bus.name
  arn            = aws_sqs_queue.orders.arn
}
