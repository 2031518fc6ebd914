# One function a resource, each with a role of its own that may do no more than its routes do. No function
# writes a parameter or a config, and only those that queue changes write the graph: workers do.

locals {
  functions = jsondecode(file("${var.package_dir}/functions.json"))
  settings = jsonencode({
    project      = var.project
    authorizer   = var.authorizer
    runs         = { event_bus = var.event_bus.name, prefect_auth_parameter = var.prefect_auth_parameter }
    webhooks     = local.webhooks
    answer_bytes = var.answer_bytes
  })
  # Generic orders are signed with a secret of the environment's own.
  webhooks = {
    github_secret_parameter   = lookup(var.webhook_secret_parameters, "github", "")
    generic_secret_parameters = { for name in keys(var.project.environments) : name => var.webhook_secret_parameters["generic"] if contains(keys(var.webhook_secret_parameters), "generic") }
  }
  parameter_arn = "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter"
  parameters    = [for prefix in var.prefixes : "${local.parameter_arn}${prefix}"]
  log_arn       = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda"
  environment   = { for name, value in { AWS_ENDPOINT_URL = var.aws_endpoint } : name => value if value != "" }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = local.functions

  name              = "/aws/lambda/${var.name}-${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  for_each = local.functions

  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = var.tags
}

data "aws_iam_policy_document" "this" {
  for_each = local.functions

  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_arn}/${var.name}-${each.key}:*"]
  }

  statement {
    sid       = "Parameters"
    actions   = ["ssm:GetParameter", "ssm:GetParameterHistory", "ssm:GetParametersByPath", "ssm:ListTagsForResource"]
    resources = concat(local.parameters, [for arn in local.parameters : "${arn}/*"])
  }

  statement {
    sid       = "ParameterDescriptions"
    actions   = ["ssm:DescribeParameters"]
    resources = ["arn:${var.partition}:ssm:${var.region}:${var.account_id}:*"]
  }

  # Every function looks tokens up and logs denials, which moves the log's head in the state table.
  statement {
    sid       = "State"
    actions   = concat(["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query", "dynamodb:UpdateItem"], each.value.orders ? ["dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"] : [])
    resources = [var.state_table.arn, "${var.state_table.arn}/index/*"]
  }

  # Events are put and never changed.
  statement {
    sid       = "Log"
    actions   = ["dynamodb:ConditionCheckItem", "dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query"]
    resources = [var.log_table.arn, "${var.log_table.arn}/index/*"]
  }

  statement {
    sid       = "Artifacts"
    actions   = ["s3:GetObject"]
    resources = ["arn:${var.partition}:s3:::${var.bucket}/*"]
  }

  statement {
    sid       = "LargeAnswers"
    actions   = ["s3:PutObject"]
    resources = ["arn:${var.partition}:s3:::${var.bucket}/*/answers/*"]
  }

  dynamic "statement" {
    for_each = each.value.updates_graph ? [1] : []

    content {
      sid       = "Snapshots"
      actions   = concat(["s3:PutObject"], var.artifacts_are_locked ? ["s3:PutObjectRetention"] : [])
      resources = ["arn:${var.partition}:s3:::${var.bucket}/*/graph/*"]
    }
  }

  dynamic "statement" {
    for_each = each.value.hooks && length(var.webhook_secret_parameters) > 0 ? [1] : []

    content {
      sid       = "WebhookSecrets"
      actions   = ["ssm:GetParameter"]
      resources = [for parameter in values(var.webhook_secret_parameters) : "${local.parameter_arn}${parameter}"]
    }
  }

  dynamic "statement" {
    for_each = var.neptune_resource_arn == null ? [] : [var.neptune_resource_arn]

    content {
      sid       = "Graph"
      actions   = concat(["neptune-db:ReadDataViaQuery"], each.value.updates_graph ? ["neptune-db:DeleteDataViaQuery", "neptune-db:WriteDataViaQuery"] : [])
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = each.value.orders ? [var.event_bus.arn] : []

    content {
      sid       = "Orders"
      actions   = ["events:PutEvents"]
      resources = [statement.value]
    }
  }

  dynamic "statement" {
    for_each = var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Encryption"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]
    }
  }

  # What Lambda needs to place a function in a VPC; these actions take no resource.
  dynamic "statement" {
    for_each = length(var.subnet_ids) == 0 ? [] : [1]

    content {
      sid       = "Network"
      actions   = ["ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces"]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role_policy" "this" {
  for_each = local.functions

  name   = "karma"
  role   = aws_iam_role.this[each.key].id
  policy = data.aws_iam_policy_document.this[each.key].json
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  description                    = each.value.summary
  role                           = aws_iam_role.this[each.key].arn
  handler                        = each.value.handler
  runtime                        = var.runtime
  filename                       = "${var.package_dir}/${each.value.zip}"
  source_code_hash               = each.value.sha256
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  tags                           = var.tags

  environment {
    variables = merge(local.environment, { KARMA_FUNCTION = local.settings })
  }

  dynamic "vpc_config" {
    for_each = length(var.subnet_ids) == 0 ? [] : [1]

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = var.security_group_ids
    }
  }

  tracing_config {
    mode = "PassThrough"
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.functions

  alarm_name          = "${var.name}-${each.key}-errors"
  alarm_description   = "The function ended without an answer."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  for_each = local.functions

  alarm_name          = "${var.name}-${each.key}-throttles"
  alarm_description   = "Requests were turned away because too many ran at once."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  dimensions          = { FunctionName = aws_lambda_function.this[each.key].function_name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 3
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  tags                = var.tags
}
