# Laid beside the corpus's modules that have AWS resources and no provider of their own: a local AWS.
variable "aws_endpoint" {
  type = string
}

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

provider "aws" {
  region                      = "eu-central-1"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true
  s3_force_path_style         = true
  endpoints {
    cloudformation = var.aws_endpoint
    ec2            = var.aws_endpoint
    iam            = var.aws_endpoint
    route53        = var.aws_endpoint
    secretsmanager = var.aws_endpoint
    sqs            = var.aws_endpoint
    ssm            = var.aws_endpoint
    sts            = var.aws_endpoint
  }
}
