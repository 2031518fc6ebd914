# The modules of the serverless stack on a local AWS; the graph is a Gremlin Server. `make demo-serverless` applies a
# copy of it (examples/serverless/local_copy.py): the provider that can be had there is 3.39, and the copy leaves out the
# lines that it does not know.

terraform {
  required_version = ">= 1.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.31, < 7.0"
    }
  }
}

provider "aws" {
  region = var.region

  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  # in 3.39: skip_get_ec2_platforms      = true
  s3_force_path_style = true

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
  deletion_protection    = false
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
  state_table  = module.stores.state_table
  log_table    = module.stores.log_table
  bucket       = aws_s3_bucket.artifacts.bucket
  event_bus    = module.orders.event_bus
  runtime      = var.runtime
  aws_endpoint = var.aws_endpoint
}

module "http_api" {
  source = "../modules/http-api"

  name      = var.name
  functions = module.functions.functions
}

module "orders" {
  source = "../modules/orders"

  name = var.name
}
