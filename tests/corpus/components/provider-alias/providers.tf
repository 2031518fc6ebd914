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
  endpoints {
    sqs = var.aws_endpoint
  }
}

provider "aws" {
  alias                       = "other"
  region                      = var.dependencies["net/core"].public ? "us-east-1" : "eu-west-${length(var.dependencies["net/core"].zones)}"
  skip_credentials_validation = true
  skip_requesting_account_id  = true
  skip_metadata_api_check     = true
  skip_get_ec2_platforms      = true
  endpoints {
    sqs = var.aws_endpoint
  }
}
