# Orders of runs: from the functions to a bus, by a rule into a queue, from which a worker takes them. What cannot
# be delivered or carried out goes to a queue of its own; the archive keeps every order, and can send it again.

resource "aws_cloudwatch_event_bus" "this" {
  name = "${var.name}-runs"
  tags = var.tags
}

resource "aws_cloudwatch_event_archive" "this" {
  name             = "${var.name}-runs"
  description      = "Every order of a run."
  event_source_arn = aws_cloudwatch_event_bus.this.arn
  event_pattern    = local.pattern
  retention_days   = var.archive_days
}

locals {
  pattern = jsonencode({ source = ["karma"], "detail-type" = ["Karma run ordered"] })
}

# Two weeks are SQS's most.
resource "aws_sqs_queue" "dead" {
  name                      = "${var.name}-orders-dead"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null # not in 3.39
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags
}

resource "aws_sqs_queue" "orders" {
  name                       = "${var.name}-orders"
  message_retention_seconds  = 1209600
  visibility_timeout_seconds = var.take_seconds
  receive_wait_time_seconds  = 20
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null # not in 3.39
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = var.attempts
  })
}

resource "aws_cloudwatch_event_rule" "orders" {
  name           = "${var.name}-orders"
  description    = "Every order of a run, into the queue."
  event_bus_name = aws_cloudwatch_event_bus.this.name
  event_pattern  = local.pattern
  tags           = var.tags
}

resource "aws_cloudwatch_event_target" "orders" {
  rule           = aws_cloudwatch_event_rule.orders.name
  event_bus_name = aws_cloudwatch_event_bus.this.name
  target_id      = "orders"
  arn            = aws_sqs_queue.orders.arn

  dead_letter_config {
    arn = aws_sqs_queue.dead.arn
  }

  depends_on = [aws_sqs_queue_policy.this]
}

data "aws_iam_policy_document" "queues" {
  for_each = local.queues

  statement {
    sid       = "FromTheRule"
    actions   = ["sqs:SendMessage"]
    resources = [each.value.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = [aws_cloudwatch_event_rule.orders.arn]
    }
  }

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

locals {
  queues = { orders = aws_sqs_queue.orders, dead = aws_sqs_queue.dead }
}

resource "aws_sqs_queue_policy" "this" {
  for_each = data.aws_iam_policy_document.queues

  queue_url = local.queues[each.key].id
  policy    = each.value.json
}

resource "aws_cloudwatch_metric_alarm" "waiting" {
  alarm_name          = "${var.name}-orders-waiting"
  alarm_description   = "Nobody takes orders: the oldest has waited too long. Is a worker running?"
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateAgeOfOldestMessage"
  dimensions          = { QueueName = aws_sqs_queue.orders.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 3
  threshold           = var.oldest_seconds
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "dead" {
  alarm_name          = "${var.name}-orders-dead"
  alarm_description   = "An order could not be delivered or carried out: it is in the dead-letter queue."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  dimensions          = { QueueName = aws_sqs_queue.dead.name }
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  tags                = var.tags
}

resource "aws_cloudwatch_metric_alarm" "undelivered" {
  alarm_name          = "${var.name}-orders-undelivered"
  alarm_description   = "EventBridge could not put an order into the queue."
  namespace           = "AWS/Events"
  metric_name         = "FailedInvocations"
  dimensions          = { EventBusName = aws_cloudwatch_event_bus.this.name, RuleName = aws_cloudwatch_event_rule.orders.name }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  tags                = var.tags
}
