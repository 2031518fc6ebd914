terraform {
  required_version = ">= 1.4"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 3.39"
    }
  }

  backend "s3" {}
}

# Empty on AWS; the address of a local AWS otherwise.
variable "aws_endpoint" {
  type    = string
  default = ""
}

provider "aws" {
  region = var.region

  skip_credentials_validation = var.aws_endpoint != ""
  skip_metadata_api_check     = var.aws_endpoint != ""
  skip_requesting_account_id  = var.aws_endpoint != ""
  s3_force_path_style         = var.aws_endpoint != ""

  dynamic "endpoints" {
    for_each = var.aws_endpoint == "" ? [] : [var.aws_endpoint]

    content {
      dynamodb = endpoints.value
      ec2      = endpoints.value
      iam      = endpoints.value
      s3       = endpoints.value
      ssm      = endpoints.value
      sts      = endpoints.value
    }
  }
}
