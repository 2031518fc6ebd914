# The workers: an ECS service that runs `karma-worker` on Fargate, in the network's subnets with a way out. Who runs
# workers elsewhere leaves this module out and gives their security groups as worker_security_groups.

locals {
  # Beside the worker, who takes the orders that functions put on the bus: needed where they have no Prefect API.
  containers = {
    worker = var.command
    orders = ["python", "-m", "flows.orders", "--queue", var.orders_queue.url]
  }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/karma/${var.name}/worker"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_ecs_cluster" "this" {
  name = var.name
  tags = var.tags

  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

data "aws_iam_policy_document" "assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }
  }
}

# What ECS itself needs to start the container: its image, its log, its secrets.
resource "aws_iam_role" "start" {
  name               = "${var.name}-worker-start"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = var.tags
}

data "aws_iam_policy_document" "start" {
  statement {
    sid       = "OwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
  }

  dynamic "statement" {
    for_each = var.repository_arn == null ? [] : [var.repository_arn]

    content {
      sid       = "Image"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [statement.value]
    }
  }

  # This action takes no resource.
  dynamic "statement" {
    for_each = var.repository_arn == null ? [] : [1]

    content {
      sid       = "Registry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = length(var.secret_arns) == 0 ? [] : [1]

    content {
      sid       = "Secrets"
      actions   = ["ssm:GetParameters"]
      resources = values(var.secret_arns)
    }
  }

  dynamic "statement" {
    for_each = length(var.secret_arns) == 0 || var.kms_key_arn == null ? [] : [var.kms_key_arn]

    content {
      sid       = "Decryption"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  role   = aws_iam_role.start.id
  policy = data.aws_iam_policy_document.start.json
}

# What Karma and the modules do: the policies are given, `karma doctor --iam-policy` prints Karma's part.
resource "aws_iam_role" "work" {
  name               = "${var.name}-worker"
  assume_role_policy = data.aws_iam_policy_document.assume.json
  tags               = var.tags
}

data "aws_iam_policy_document" "orders" {
  statement {
    sid       = "Orders"
    actions   = ["sqs:DeleteMessage", "sqs:ReceiveMessage"]
    resources = [var.orders_queue.arn]
  }
}

resource "aws_iam_role_policy" "orders" {
  name   = "orders"
  role   = aws_iam_role.work.id
  policy = data.aws_iam_policy_document.orders.json
}

resource "aws_iam_role_policy_attachment" "work" {
  for_each = var.policy_arns

  role       = aws_iam_role.work.name
  policy_arn = each.value
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.name}-worker"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory_mb
  execution_role_arn       = aws_iam_role.start.arn
  task_role_arn            = aws_iam_role.work.arn
  tags                     = var.tags

  container_definitions = jsonencode([for name, command in local.containers : {
    name                   = name
    image                  = var.image
    command                = command
    essential              = true
    readonlyRootFilesystem = true
    stopTimeout            = 120 # ECS's most on Fargate; Terraform saves its state in less
    environment            = [for variable, value in var.environment : { name = variable, value = value }]
    secrets                = [for variable, arn in var.secret_arns : { name = variable, valueFrom = arn }]
    mountPoints            = [for path in ["work", "tmp"] : { sourceVolume = path, containerPath = "/${path}", readOnly = false }]
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = var.region
        awslogs-stream-prefix = name
      }
    }
  }])

  volume {
    name = "work"
  }

  volume {
    name = "tmp"
  }

  ephemeral_storage { # not in 3.39
    size_in_gib = var.storage_gib
  }
}

resource "aws_ecs_service" "this" {
  name                               = "${var.name}-worker"
  cluster                            = aws_ecs_cluster.this.id
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.workers
  launch_type                        = "FARGATE"
  platform_version                   = "LATEST"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  propagate_tags                     = "SERVICE"
  tags                               = var.tags

  # A version that does not start is taken back.
  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  lifecycle {
    precondition {
      condition     = length(var.subnet_ids) > 0
      error_message = "Workers need subnets with a way out: set nat = \"one\", or existing_network.worker_subnet_ids."
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "missing" {
  alarm_name          = "${var.name}-workers-missing"
  alarm_description   = "Fewer workers run than should."
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = aws_ecs_cluster.this.name, ServiceName = aws_ecs_service.this.name }
  statistic           = "Minimum"
  period              = 60
  evaluation_periods  = 5
  threshold           = var.workers
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  tags                = var.tags
}
