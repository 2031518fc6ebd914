# Alarms and a dashboard of what the functions stand on. Each alarm says what to look at first.

locals {
  neptune = { DBClusterIdentifier = var.cluster_identifier }

  # name → namespace, metric, dimensions, statistic, threshold, comparison, how often in a row, and what it means.
  single = {
    neptune-cpu = {
      namespace   = "AWS/Neptune", metric = "CPUUtilization", dimensions = local.neptune, statistic = "Average"
      threshold   = 85, over = true, times = 3, period = 300
      description = "Neptune is busy: look at the slow queries, raise neptune_max_capacity."
    }
    neptune-capacity = {
      namespace   = "AWS/Neptune", metric = "ServerlessDatabaseCapacity", dimensions = local.neptune, statistic = "Maximum"
      threshold   = var.neptune_max_capacity * 0.9, over = true, times = 3, period = 300
      description = "Neptune is at its largest: raise neptune_max_capacity."
    }
    neptune-memory = {
      namespace   = "AWS/Neptune", metric = "FreeableMemory", dimensions = local.neptune, statistic = "Minimum"
      threshold   = 268435456, over = false, times = 3, period = 300
      description = "Neptune has less than 256 MB left: queries will be refused. Raise neptune_min_capacity."
    }
    neptune-waiting = {
      namespace   = "AWS/Neptune", metric = "MainRequestQueuePendingRequests", dimensions = local.neptune, statistic = "Maximum"
      threshold   = 20, over = true, times = 3, period = 60
      description = "Requests wait for Neptune: a slow query holds the others up, or there are too many."
    }
    neptune-lag = {
      namespace   = "AWS/Neptune", metric = "ClusterReplicaLagMaximum", dimensions = local.neptune, statistic = "Maximum"
      threshold   = 5000, over = true, times = 3, period = 60
      description = "Neptune's readers are more than five seconds behind its writer."
    }
    neptune-errors = {
      namespace   = "AWS/Neptune", metric = "GremlinServerErrors", dimensions = local.neptune, statistic = "Sum"
      threshold   = 5, over = true, times = 1, period = 300
      description = "Neptune answered with server errors."
    }
    slow-queries = {
      namespace   = "Karma", metric = "${var.name}-slow-queries", dimensions = null, statistic = "Sum"
      threshold   = 20, over = true, times = 1, period = 300
      description = "Many queries were slow: the log group of slow queries has them."
    }
    events-refused = {
      namespace   = "AWS/Events", metric = "ThrottledRules", dimensions = { EventBusName = var.event_bus }, statistic = "Sum"
      threshold   = 0, over = true, times = 1, period = 300
      description = "EventBridge throttles the delivery of orders."
    }
    api-latency = {
      namespace   = "AWS/ApiGateway", metric = "Latency", dimensions = { ApiId = var.api_id }, statistic = "p95"
      threshold   = 5000, over = true, times = 3, period = 300
      description = "One request in twenty takes more than five seconds."
    }
    changes-waiting = {
      namespace   = "Karma", metric = "OldestQueuedChangeSeconds", dimensions = { environment = var.environment }, statistic = "Maximum"
      threshold   = var.oldest_change_seconds, over = true, times = 1, period = 300
      description = "A change has been queued for long: is a worker running, and does it get its orders?"
    }
  }

  per_table = merge([
    for key, table in var.tables : {
      "${key}-throttled-reads" = {
        namespace = "AWS/DynamoDB", metric = "ReadThrottleEvents", dimensions = { TableName = table }, statistic = "Sum"
        threshold = 10, over = true, times = 1, period = 300, description = "DynamoDB throttles reads of ${table}: one partition is hot."
      }
      "${key}-throttled-writes" = {
        namespace = "AWS/DynamoDB", metric = "WriteThrottleEvents", dimensions = { TableName = table }, statistic = "Sum"
        threshold = 10, over = true, times = 1, period = 300, description = "DynamoDB throttles writes to ${table}: one partition is hot."
      }
      "${key}-errors" = {
        namespace = "AWS/DynamoDB", metric = "SystemErrors", dimensions = { TableName = table, Operation = "TransactWriteItems" }, statistic = "Sum"
        threshold = 0, over = true, times = 1, period = 300, description = "DynamoDB answers with errors of its own about ${table}."
      }
    }
  ]...)

  per_function = merge([
    for key, name in var.functions : {
      "${key}-slow" = {
        namespace = "AWS/Lambda", metric = "Duration", dimensions = { FunctionName = name }, statistic = "p95"
        threshold = var.timeout_seconds * 800, over = true, times = 1, period = 300, description = "${name} comes near the end of its time."
      }
    }
  ]...)

  alarms = merge(local.single, local.per_table, local.per_function)
}

resource "aws_cloudwatch_log_metric_filter" "slow" {
  name           = "${var.name}-slow-queries"
  log_group_name = var.slow_query_log_group
  pattern        = ""

  metric_transformation {
    name      = "${var.name}-slow-queries"
    namespace = "Karma"
    value     = "1"
    unit      = "Count" # not in 3.39
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = startswith(each.value.statistic, "p") ? null : each.value.statistic
  extended_statistic  = startswith(each.value.statistic, "p") ? each.value.statistic : null
  period              = each.value.period
  evaluation_periods  = each.value.times
  threshold           = each.value.threshold
  comparison_operator = each.value.over ? "GreaterThanThreshold" : "LessThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_topics
  ok_actions          = var.alarm_topics
  tags                = var.tags
}

locals {
  widgets = [
    { title = "API: requests and server errors", metrics = [["AWS/ApiGateway", "Count", "ApiId", var.api_id], ["AWS/ApiGateway", "5xx", "ApiId", var.api_id]], stat = "Sum" },
    { title = "API: latency, ms", metrics = [["AWS/ApiGateway", "Latency", "ApiId", var.api_id, { stat = "p50" }], ["AWS/ApiGateway", "Latency", "ApiId", var.api_id, { stat = "p95" }]], stat = "p95" },
    { title = "Functions: errors", metrics = [for name in values(var.functions) : ["AWS/Lambda", "Errors", "FunctionName", name]], stat = "Sum" },
    { title = "Functions: duration p95, ms", metrics = [for name in values(var.functions) : ["AWS/Lambda", "Duration", "FunctionName", name]], stat = "p95" },
    { title = "Functions: throttled, at once", metrics = concat([for name in values(var.functions) : ["AWS/Lambda", "Throttles", "FunctionName", name]], [["AWS/Lambda", "ConcurrentExecutions"]]), stat = "Maximum" },
    { title = "Orders: oldest, s", metrics = [["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.orders_queue], ["Karma", "OldestQueuedChangeSeconds", "environment", var.environment]], stat = "Maximum" },
    { title = "Orders: waiting, dead", metrics = [["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.orders_queue], ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.dead_letters]], stat = "Maximum" },
    { title = "Neptune: CPU, %", metrics = [["AWS/Neptune", "CPUUtilization", "DBClusterIdentifier", var.cluster_identifier]], stat = "Average" },
    { title = "Neptune: capacity units", metrics = [["AWS/Neptune", "ServerlessDatabaseCapacity", "DBClusterIdentifier", var.cluster_identifier]], stat = "Maximum" },
    { title = "Neptune: waiting, slow", metrics = [["AWS/Neptune", "MainRequestQueuePendingRequests", "DBClusterIdentifier", var.cluster_identifier], ["Karma", "${var.name}-slow-queries"]], stat = "Maximum" },
    { title = "DynamoDB: throttled", metrics = concat([for table in values(var.tables) : ["AWS/DynamoDB", "ReadThrottleEvents", "TableName", table]], [for table in values(var.tables) : ["AWS/DynamoDB", "WriteThrottleEvents", "TableName", table]]), stat = "Sum" },
    { title = "DynamoDB: units used", metrics = concat([for table in values(var.tables) : ["AWS/DynamoDB", "ConsumedReadCapacityUnits", "TableName", table]], [for table in values(var.tables) : ["AWS/DynamoDB", "ConsumedWriteCapacityUnits", "TableName", table]]), stat = "Sum" },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for place, widget in local.widgets : {
        type   = "metric"
        x      = (place % 3) * 8
        y      = floor(place / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          region  = var.region
          view    = "timeSeries"
          period  = 300
          stat    = widget.stat
          metrics = widget.metrics
        }
      }
    ]
  })
}
