# The tables of state and log, as `karma aws create` makes them. They are what cannot be made again.

locals {
  log_indexes = {
    by_action    = { hash = "environment", range = "action_seq" }
    by_component = { hash = "of_component", range = "seq" }
    by_id        = { hash = "of_id", range = null }
    by_run_id    = { hash = "of_run_id", range = "seq" }
    by_time      = { hash = "environment", range = "time_seq" }
    by_user      = { hash = "of_user", range = "seq" }
  }
  log_texts = ["environment", "of_component", "of_user", "of_run_id", "of_id", "action_seq", "time_seq"]
}

resource "aws_dynamodb_table" "state" {
  name         = "${var.name}-state"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "pk"
  range_key    = "sk"

  dynamic "attribute" {
    for_each = ["pk", "sk", "one", "two"]

    content {
      name = attribute.value
      type = "S"
    }
  }

  dynamic "local_secondary_index" {
    for_each = ["one", "two"]

    content {
      name            = local_secondary_index.value
      range_key       = local_secondary_index.value
      projection_type = "ALL"
    }
  }

  deletion_protection_enabled = var.deletion_protection # not in 3.39

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}

resource "aws_dynamodb_table" "log" {
  name         = "${var.name}-log"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "environment"
  range_key    = "seq"

  dynamic "attribute" {
    for_each = local.log_texts

    content {
      name = attribute.value
      type = "S"
    }
  }

  attribute {
    name = "seq"
    type = "N"
  }

  dynamic "global_secondary_index" {
    for_each = local.log_indexes

    content {
      name               = global_secondary_index.key
      hash_key           = global_secondary_index.value.hash
      range_key          = global_secondary_index.value.range
      projection_type    = "INCLUDE"
      non_key_attributes = ["line"]
    }
  }

  deletion_protection_enabled = var.deletion_protection # not in 3.39

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = var.kms_key_arn
  }

  tags = var.tags
}
