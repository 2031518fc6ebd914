# What each function may do, as IAM policies. No provider: only texts are made, so that a test can compare them with
# what the functions were seen to ask for, and they are the same for every version of the provider.
#
# functions.json says what each function needs; what it says follows from recorded calls (karma_lambda/permissions.py).

locals {
  ssm    = "arn:${var.partition}:ssm:${var.region}:${var.account_id}"
  own    = trimsuffix(var.prefix, "/")
  names  = local.own == "" ? ["${local.ssm}:parameter/*"] : ["${local.ssm}:parameter${local.own}", "${local.ssm}:parameter${local.own}/*"]
  logs   = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:/aws/lambda"
  bucket = "arn:${var.partition}:s3:::${var.bucket}"

  # Who writes an object says "if there is none": S3 refuses it where there is one, and this policy where it is not said.
  once = { Null = { "s3:if-none-match" = "false" } }

  statements = {
    for name, function in var.functions : name => concat(
      [
        {
          Sid       = "OwnLog"
          Action    = ["logs:CreateLogStream", "logs:PutLogEvents"]
          Resource  = ["${local.logs}/${var.name}-${name}:*"]
          Condition = {}
        },
        {
          Sid       = "StateRead"
          Action    = ["dynamodb:GetItem", "dynamodb:Query"]
          Resource  = [var.state_table_arn, "${var.state_table_arn}/index/*"]
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = local.keys["reads"][name] } }
        },
        {
          Sid       = "StateWrite"
          Action    = ["dynamodb:PutItem", "dynamodb:UpdateItem"]
          Resource  = [var.state_table_arn]
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = local.keys["writes"][name] } }
        },
        {
          Sid       = "StateDelete"
          Action    = ["dynamodb:DeleteItem"]
          Resource  = [var.state_table_arn]
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = local.keys["deletes"][name] } }
        },
        # Events are put and never changed: who has only these can change none.
        {
          Sid       = "Log"
          Action    = function.permissions.log
          Resource  = [var.log_table_arn, "${var.log_table_arn}/index/*"]
          Condition = { "ForAllValues:StringLike" = { "dynamodb:LeadingKeys" = flatten([for environment in var.environments : [environment, "${environment}#*"]]) } }
        },
        {
          Sid       = "Parameters"
          Action    = [for action in function.permissions.parameters : action if action != "ssm:DescribeParameters"]
          Resource  = local.names
          Condition = {}
        },
        # This action takes no parameter's name.
        {
          Sid       = "ParameterDescriptions"
          Action    = [for action in function.permissions.parameters : action if action == "ssm:DescribeParameters"]
          Resource  = ["${local.ssm}:*"]
          Condition = {}
        },
        {
          Sid       = "Artifacts"
          Action    = function.permissions.artifacts ? ["s3:GetObject"] : []
          Resource  = [for environment in var.environments : "${local.bucket}/${environment}/*"]
          Condition = {}
        },
        # Without it S3 answers 403, not 404, where there is no such object (S3 API reference, GetObject).
        {
          Sid       = "Absence"
          Action    = function.permissions.artifacts ? ["s3:ListBucket"] : []
          Resource  = [local.bucket]
          Condition = {}
        },
        # Whoever is sent to an answer reads it with the function's rights; so does a put that finds the same one there.
        {
          Sid       = "LargeAnswers"
          Action    = function.permissions.answers ? ["s3:GetObject"] : []
          Resource  = [for environment in var.environments : "${local.bucket}/${environment}/answers/*"]
          Condition = {}
        },
        {
          Sid       = "WrittenOnce"
          Action    = function.permissions.answers || function.updates_graph ? ["s3:PutObject"] : []
          Resource  = flatten([for environment in var.environments : concat(function.permissions.answers ? ["${local.bucket}/${environment}/answers/*"] : [], function.updates_graph ? ["${local.bucket}/${environment}/graph/*"] : [])])
          Condition = local.once
        },
        {
          Sid       = "Retention"
          Action    = function.updates_graph && var.artifacts_are_locked ? ["s3:PutObjectRetention"] : []
          Resource  = [for environment in var.environments : "${local.bucket}/${environment}/graph/*"]
          Condition = {}
        },
        {
          Sid       = "Graph"
          Action    = var.neptune_resource_arn == null ? [] : function.permissions.graph
          Resource  = compact([var.neptune_resource_arn])
          Condition = {}
        },
        {
          Sid       = "Orders"
          Action    = function.orders && var.event_bus_arn != null ? ["events:PutEvents"] : []
          Resource  = compact([var.event_bus_arn])
          Condition = {}
        },
        {
          Sid       = "PrefectPassword"
          Action    = function.orders && var.prefect_auth_parameter != "" ? ["ssm:GetParameter"] : []
          Resource  = ["${local.ssm}:parameter${var.prefect_auth_parameter}"]
          Condition = {}
        },
        {
          Sid       = "WebhookSecrets"
          Action    = function.hooks && length(var.webhook_secret_parameters) > 0 ? ["ssm:GetParameter"] : []
          Resource  = [for parameter in var.webhook_secret_parameters : "${local.ssm}:parameter${parameter}"]
          Condition = {}
        },
        # Variables, parameters, objects and the tables' keys are decrypted as the function.
        {
          Sid       = "Encryption"
          Action    = var.kms_key_arn == null ? [] : concat(["kms:Decrypt"], function.permissions.answers || function.updates_graph ? ["kms:GenerateDataKey"] : [])
          Resource  = compact([var.kms_key_arn])
          Condition = {}
        },
        # As AWSLambdaVPCAccessExecutionRole has it; these actions take no resource. Without the calls that describe,
        # Lambda cannot place the function; the last two are for functions that send from several addresses.
        {
          Sid       = "Network"
          Action    = var.in_vpc ? ["ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses"] : []
          Resource  = ["*"]
          Condition = {}
        },
      ],
    )
  }

  keys = {
    for kind in ["reads", "writes", "deletes"] : kind => {
      for name, function in var.functions : name => flatten([
        for environment in var.environments : [for key in function.permissions[kind] : "${environment}#${key}"]
      ])
    }
  }

  # A statement without an action, or on no key, is none.
  policies = {
    for name, statements in local.statements : name => [
      for statement in statements : merge(
        { Effect = "Allow", Sid = statement.Sid, Action = sort(statement.Action), Resource = statement.Resource },
        length(statement.Condition) == 0 ? {} : { Condition = statement.Condition },
      )
      if length(statement.Action) > 0 && length(try(flatten(values(values(statement.Condition)[0])), ["any"])) > 0
    ]
  }
}
