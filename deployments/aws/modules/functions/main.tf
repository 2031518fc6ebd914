# One function a resource, each with a role of its own that may do no more than its routes do: the module `policies`.

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
  orders_by_bus = try(var.project.service.prefect_api_url, "") == ""
  by_alias      = var.provisioned_concurrency > 0 || var.snap_start
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

module "policies" {
  source = "../policies"

  name                      = var.name
  functions                 = local.functions
  environments              = keys(var.project.environments)
  region                    = var.region
  account_id                = var.account_id
  partition                 = var.partition
  prefix                    = var.prefix
  state_table_arn           = var.state_table.arn
  log_table_arn             = var.log_table.arn
  bucket                    = var.bucket
  event_bus_arn             = local.orders_by_bus ? var.event_bus.arn : null
  prefect_auth_parameter    = var.prefect_auth_parameter
  webhook_secret_parameters = values(var.webhook_secret_parameters)
  artifacts_are_locked      = var.artifacts_are_locked
  neptune_resource_arn      = var.neptune_resource_arn
  kms_key_arn               = var.kms_key_arn
  in_vpc                    = length(var.subnet_ids) > 0
}

resource "aws_iam_role_policy" "this" {
  for_each = local.functions

  name   = "karma"
  role   = aws_iam_role.this[each.key].id
  policy = module.policies.policies[each.key]
}

resource "aws_lambda_function" "this" {
  for_each = local.functions

  function_name                  = "${var.name}-${each.key}"
  description                    = each.value.summary
  role                           = aws_iam_role.this[each.key].arn
  handler                        = each.value.handler
  runtime                        = var.runtime
  architectures                  = ["x86_64"] # not in 3.39
  filename                       = "${var.package_dir}/${each.value.zip}"
  source_code_hash               = each.value.sha256
  memory_size                    = var.memory_mb
  timeout                        = var.timeout_seconds
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  publish                        = local.by_alias
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

  # A container is restored from a snapshot taken after the function was loaded; of published versions alone.
  dynamic "snap_start" { # not in 3.39
    for_each = var.snap_start ? [1] : []

    content {
      apply_on = "PublishedVersions"
    }
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  lifecycle {
    precondition {
      condition     = !(var.snap_start && var.provisioned_concurrency > 0)
      error_message = "Lambda takes SnapStart or provisioned concurrency, not both."
    }

    precondition {
      condition     = !var.snap_start || tonumber(split(".", var.runtime)[1]) >= 12
      error_message = "SnapStart needs a runtime of Python 3.12 or newer."
    }
  }

  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

# The API calls the alias, so that a new version is there for it only once it is published, and is ready.
resource "aws_lambda_alias" "this" {
  for_each = local.by_alias ? local.functions : {}

  name             = "live"
  description      = "The version that the API calls."
  function_name    = aws_lambda_function.this[each.key].function_name
  function_version = aws_lambda_function.this[each.key].version
}

resource "aws_lambda_provisioned_concurrency_config" "this" {
  for_each = var.provisioned_concurrency > 0 ? local.functions : {}

  function_name                     = aws_lambda_function.this[each.key].function_name
  qualifier                         = aws_lambda_alias.this[each.key].name
  provisioned_concurrent_executions = var.provisioned_concurrency
}

# Readiness is asked for every five minutes, and tells how long the oldest queued change has waited.
resource "aws_cloudwatch_event_rule" "ready" {
  count = contains(keys(local.functions), "health") ? 1 : 0

  name                = "${var.name}-ready"
  description         = "Asks for readiness, which tells how long changes wait."
  schedule_expression = "rate(5 minutes)"
  tags                = var.tags
}

resource "aws_cloudwatch_event_target" "ready" {
  count = length(aws_cloudwatch_event_rule.ready)

  rule      = aws_cloudwatch_event_rule.ready[0].name
  target_id = "health"
  arn       = aws_lambda_function.this["health"].arn
  input = jsonencode({
    version         = "2.0"
    routeKey        = "GET /readyz"
    rawPath         = "/readyz"
    rawQueryString  = ""
    headers         = {}
    isBase64Encoded = false
    requestContext  = { requestId = "schedule", http = { method = "GET", path = "/readyz", sourceIp = "127.0.0.1" } }
  })
}

resource "aws_lambda_permission" "ready" {
  count = length(aws_cloudwatch_event_rule.ready)

  statement_id  = "ready"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.this["health"].function_name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.ready[0].arn
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
