# Neptune serverless: IAM authentication, encrypted, reached by the functions (and whom else is named) alone.

locals {
  family = join(".", slice(split(".", var.engine_version), 0, 2))
}

resource "aws_neptune_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
  tags       = var.tags
}

resource "aws_security_group" "this" {
  name        = "${var.name}-neptune"
  description = "Neptune: in from those that are named."
  vpc_id      = var.vpc_id
  tags        = var.tags
}

resource "aws_security_group_rule" "in" {
  for_each = var.client_security_groups

  security_group_id        = aws_security_group.this.id
  type                     = "ingress"
  description              = "Gremlin from the ${each.key}"
  protocol                 = "tcp"
  from_port                = 8182
  to_port                  = 8182
  source_security_group_id = each.value
}

resource "aws_security_group_rule" "clients_out" {
  for_each = var.client_security_groups

  security_group_id        = each.value
  type                     = "egress"
  description              = "Gremlin to Neptune"
  protocol                 = "tcp"
  from_port                = 8182
  to_port                  = 8182
  source_security_group_id = aws_security_group.this.id
}

# -- the bulk loader: a large first graph comes from the bucket ----------------------------------------------

data "aws_iam_policy_document" "load_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["rds.amazonaws.com"] # Neptune's service principal (User Guide, "Prerequisites: IAM role")
    }
  }
}

resource "aws_iam_role" "load" {
  count = length(var.load_from) > 0 ? 1 : 0

  name               = "${var.name}-load"
  description        = "Neptune reads the files of graphs that it loads."
  assume_role_policy = data.aws_iam_policy_document.load_assume.json
  tags               = var.tags
}

data "aws_iam_policy_document" "load" {
  statement {
    sid       = "Files"
    actions   = ["s3:GetObject"]
    resources = [for place in var.load_from : "${place.bucket_arn}/${place.folder}/*"]
  }

  statement {
    sid       = "Names"
    actions   = ["s3:ListBucket"]
    resources = distinct([for place in var.load_from : place.bucket_arn])
  }

  dynamic "statement" {
    for_each = var.load_kms_key_arn == null ? [] : [var.load_kms_key_arn]

    content {
      sid       = "Decryption"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]
    }
  }
}

resource "aws_iam_role_policy" "load" {
  count = length(aws_iam_role.load)

  name   = "load"
  role   = aws_iam_role.load[0].id
  policy = data.aws_iam_policy_document.load.json
}

# The bucket is reached by the network's gateway endpoint, whose addresses are public: routes decide.
resource "aws_security_group_rule" "load_out" {
  count = length(aws_iam_role.load)

  security_group_id = aws_security_group.this.id
  type              = "egress"
  description       = "TLS to S3"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = ["0.0.0.0/0"]
}

# The family and the engine come from one number: a group of another family is refused when the engine is upgraded.
# A new major version makes a new group before the old one goes.
resource "aws_neptune_cluster_parameter_group" "this" {
  name_prefix = "${var.name}-"
  family      = "neptune${local.family}"
  description = "Karma's cluster"
  tags        = var.tags

  # Whoever asked has gone by then: a function ends first.
  parameter {
    name  = "neptune_query_timeout"
    value = tostring(var.query_timeout_seconds * 1000)
  }

  parameter {
    name         = "neptune_enable_audit_log"
    value        = "1"
    apply_method = "pending-reboot"
  }

  parameter {
    name  = "neptune_enable_slow_query_log"
    value = "info"
  }

  parameter {
    name  = "neptune_slow_query_log_threshold"
    value = tostring(var.slow_query_milliseconds)
  }

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  for_each = toset(["audit", "slowquery"])

  name              = "/aws/neptune/${var.name}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.log_kms_key_arn
  tags              = var.tags
}

resource "aws_neptune_cluster" "this" {
  cluster_identifier                    = var.name
  engine                                = "neptune"
  engine_version                        = var.engine_version
  allow_major_version_upgrade           = true # not in 3.39
  neptune_subnet_group_name             = aws_neptune_subnet_group.this.name
  neptune_cluster_parameter_group_name  = aws_neptune_cluster_parameter_group.this.name
  neptune_instance_parameter_group_name = "default.neptune${local.family}" # not in 3.39
  apply_immediately                     = var.apply_immediately
  vpc_security_group_ids                = [aws_security_group.this.id]
  iam_database_authentication_enabled   = true
  storage_encrypted                     = true
  kms_key_arn                           = var.kms_key_arn
  iam_roles                             = aws_iam_role.load[*].arn
  backup_retention_period               = var.backup_days
  preferred_backup_window               = "01:00-02:00"
  preferred_maintenance_window          = "sun:02:30-sun:03:30"
  copy_tags_to_snapshot                 = true # not in 3.39
  deletion_protection                   = var.deletion_protection
  skip_final_snapshot                   = true                   # the graph can be built again from parameters and state
  enable_cloudwatch_logs_exports        = ["audit", "slowquery"] # not in 3.39
  tags                                  = var.tags

  serverless_v2_scaling_configuration { # not in 3.39
    min_capacity = var.min_capacity
    max_capacity = var.max_capacity
  }

  depends_on = [aws_cloudwatch_log_group.this]
}

resource "aws_neptune_cluster_instance" "this" {
  count = var.instances

  identifier                   = "${var.name}-${count.index}"
  cluster_identifier           = aws_neptune_cluster.this.id
  engine                       = "neptune"
  instance_class               = "db.serverless"
  neptune_parameter_group_name = "default.neptune${local.family}"
  publicly_accessible          = false
  tags                         = var.tags

  # AWS would raise the engine in a night, and the next plan would lower it: the variable raises it.
  auto_minor_version_upgrade = false
}
