# Neptune serverless: IAM authentication, encrypted, reached by the functions (and whom else is named) alone.

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
  description              = "Gremlin from ${each.key}"
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

resource "aws_neptune_cluster_parameter_group" "this" {
  name   = var.name
  family = "neptune1.4"
  tags   = var.tags

  # Readers wait no longer than a function does.
  parameter {
    name  = "neptune_query_timeout"
    value = "120000"
  }
}

resource "aws_neptune_cluster" "this" {
  cluster_identifier                   = var.name
  engine                               = "neptune"
  engine_version                       = var.engine_version
  neptune_subnet_group_name            = aws_neptune_subnet_group.this.name
  neptune_cluster_parameter_group_name = aws_neptune_cluster_parameter_group.this.name
  vpc_security_group_ids               = [aws_security_group.this.id]
  iam_database_authentication_enabled  = true
  storage_encrypted                    = true
  kms_key_arn                          = var.kms_key_arn
  backup_retention_period              = var.backup_days
  deletion_protection                  = var.deletion_protection
  skip_final_snapshot                  = true # the graph can be built again from parameters and state
  enable_cloudwatch_logs_exports       = ["slowquery"]
  tags                                 = var.tags

  serverless_v2_scaling_configuration {
    min_capacity = var.min_capacity
    max_capacity = var.max_capacity
  }
}

resource "aws_neptune_cluster_instance" "this" {
  count = var.instances

  identifier         = "${var.name}-${count.index}"
  cluster_identifier = aws_neptune_cluster.this.id
  engine             = "neptune"
  instance_class     = "db.serverless"
  tags               = var.tags
}
