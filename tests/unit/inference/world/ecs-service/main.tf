terraform {
  backend "s3" {}
}

variable "nickname" {
  type = string
}

variable "component_name" {
  type = string
}

variable "iac_prefix" {
  type    = string
  default = "/iac"
}

variable "region" {
  type = string
}

module "own" {
  source         = "../_shared/config"
  iac_prefix     = var.iac_prefix
  component_name = var.component_name
  nickname       = var.nickname
}

locals {
  config   = module.own.config
  runtimes = {
    cluster = "ecs-cluster/${local.config.cluster_nickname}"
    vpc     = format("vpc/%s", local.config.vpc_nickname)
  }
  read    = { for name, parameter in data.aws_ssm_parameter.runtime : name => jsondecode(parameter.value) }
  cluster = local.read["cluster"]
  bucket  = try(jsondecode(data.aws_ssm_parameter.bucket[0].value), null)
}

data "aws_ssm_parameter" "runtime" {
  for_each = local.runtimes
  name     = join("/", [var.iac_prefix, each.value, "runtime"])
}

data "aws_ssm_parameter" "bucket" {
  count = try(local.config.s3_bucket_nickname, "") == "" ? 0 : 1
  name  = "${var.iac_prefix}/s3-bucket/${local.config.s3_bucket_nickname}/runtime"
}

resource "aws_ecs_service" "this" {
  cluster = local.cluster.cluster_arn

  network_configuration {
    subnets         = local.read.vpc.subnet_ids
    security_groups = [lookup(local.cluster, "security_group_id", null)]
  }
}

resource "aws_iam_role_policy" "bucket" {
  count  = local.bucket == null ? 0 : 1
  policy = jsonencode({ Resource = "${local.bucket.bucket_arn}/*" })
}
