# The network: a new VPC or an existing one. Functions and Neptune are in private subnets without a route to the
# internet. Workers, which reach Git, a registry of providers and the Prefect API, have subnets of their own,
# behind a NAT gateway.

locals {
  creates  = var.existing == null
  zones    = local.creates ? slice(data.aws_availability_zones.available[0].names, 0, var.zones) : []
  nat      = local.creates && var.nat != "none"
  nat_in   = local.nat ? (var.nat == "each" ? toset(local.zones) : toset([local.zones[0]])) : toset([])
  workers  = local.nat ? { for place, zone in local.zones : zone => place } : {}
  vpc_id   = local.creates ? aws_vpc.this[0].id : var.existing.vpc_id
  subnets  = local.creates ? [for subnet in aws_subnet.private : subnet.id] : var.existing.subnet_ids
  tables   = local.creates ? [aws_route_table.private[0].id] : var.existing.route_table_ids
  gateways = toset(var.gateway_endpoints)
}

data "aws_availability_zones" "available" {
  count = local.creates ? 1 : 0

  state = "available"

  # Local Zones have no Neptune.
  filter {
    name   = "opt-in-status"
    values = ["opt-in-not-required"]
  }
}

data "aws_region" "current" {}

resource "aws_vpc" "this" {
  count = local.creates ? 1 : 0

  cidr_block           = var.cidr
  enable_dns_hostnames = true
  enable_dns_support   = true
  tags                 = merge(var.tags, { Name = var.name })
}

# Without a rule: whoever forgets to name a group reaches nothing.
resource "aws_default_security_group" "this" {
  count = local.creates ? 1 : 0

  vpc_id = aws_vpc.this[0].id
  tags   = merge(var.tags, { Name = "${var.name}-default" })
}

resource "aws_subnet" "private" {
  for_each = { for place, zone in local.zones : zone => place }

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, each.value)
  tags              = merge(var.tags, { Name = "${var.name}-${each.key}" })
}

resource "aws_route_table" "private" {
  count = local.creates ? 1 : 0

  vpc_id = local.vpc_id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_route_table_association" "private" {
  for_each = aws_subnet.private

  subnet_id      = each.value.id
  route_table_id = aws_route_table.private[0].id
}

# -- the workers' subnets, and their way out ----------------------------------------------------------------

resource "aws_internet_gateway" "this" {
  count = local.nat ? 1 : 0

  vpc_id = local.vpc_id
  tags   = merge(var.tags, { Name = var.name })
}

resource "aws_subnet" "public" {
  for_each = local.workers

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, 8 + each.value)
  tags              = merge(var.tags, { Name = "${var.name}-public-${each.key}" })
}

resource "aws_route_table" "public" {
  count = local.nat ? 1 : 0

  vpc_id = local.vpc_id
  tags   = merge(var.tags, { Name = "${var.name}-public" })
}

resource "aws_route" "to_the_internet" {
  count = local.nat ? 1 : 0

  route_table_id         = aws_route_table.public[0].id
  destination_cidr_block = "0.0.0.0/0"
  gateway_id             = aws_internet_gateway.this[0].id
}

resource "aws_route_table_association" "public" {
  for_each = aws_subnet.public

  subnet_id      = each.value.id
  route_table_id = aws_route_table.public[0].id
}

resource "aws_eip" "nat" {
  for_each = local.nat_in

  domain = "vpc" # in 3.39: vpc = true
  tags   = merge(var.tags, { Name = "${var.name}-nat-${each.key}" })
}

resource "aws_nat_gateway" "this" {
  for_each = local.nat_in

  allocation_id = aws_eip.nat[each.key].id
  subnet_id     = aws_subnet.public[each.key].id
  tags          = merge(var.tags, { Name = "${var.name}-${each.key}" })

  depends_on = [aws_internet_gateway.this]
}

resource "aws_subnet" "workers" {
  for_each = local.workers

  vpc_id            = local.vpc_id
  availability_zone = each.key
  cidr_block        = cidrsubnet(var.cidr, 4, 4 + each.value)
  tags              = merge(var.tags, { Name = "${var.name}-workers-${each.key}" })
}

resource "aws_route_table" "workers" {
  for_each = local.workers

  vpc_id = local.vpc_id
  tags   = merge(var.tags, { Name = "${var.name}-workers-${each.key}" })
}

resource "aws_route" "workers_out" {
  for_each = local.workers

  route_table_id         = aws_route_table.workers[each.key].id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = aws_nat_gateway.this[var.nat == "each" ? each.key : local.zones[0]].id
}

resource "aws_route_table_association" "workers" {
  for_each = aws_subnet.workers

  subnet_id      = each.value.id
  route_table_id = aws_route_table.workers[each.key].id
}

# -- who may reach whom -------------------------------------------------------------------------------------

resource "aws_security_group" "functions" {
  name        = "${var.name}-functions"
  description = "The functions: out alone."
  vpc_id      = local.vpc_id
  tags        = var.tags
}

resource "aws_security_group" "workers" {
  name        = "${var.name}-workers"
  description = "The workers: out alone."
  vpc_id      = local.vpc_id
  tags        = var.tags
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "The AWS services: in from functions and workers."
  vpc_id      = local.vpc_id
  tags        = var.tags
}

# Gateway endpoints have public addresses, and so may a Prefect API: routes decide what can be reached.
resource "aws_security_group_rule" "functions_out" {
  security_group_id = aws_security_group.functions.id
  type              = "egress"
  description       = "TLS"
  protocol          = "tcp"
  from_port         = 443
  to_port           = 443
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "workers_out" {
  for_each = { TLS = 443, SSH = 22 }

  security_group_id = aws_security_group.workers.id
  type              = "egress"
  description       = "${each.key}: AWS, Git, providers, Prefect"
  protocol          = "tcp"
  from_port         = each.value
  to_port           = each.value
  cidr_blocks       = ["0.0.0.0/0"]
}

resource "aws_security_group_rule" "endpoints_in" {
  for_each = { functions = aws_security_group.functions.id, workers = aws_security_group.workers.id }

  security_group_id        = aws_security_group.endpoints.id
  type                     = "ingress"
  description              = "TLS from the ${each.key}"
  protocol                 = "tcp"
  from_port                = 443
  to_port                  = 443
  source_security_group_id = each.value
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = local.gateways

  vpc_id            = local.vpc_id
  vpc_endpoint_type = "Gateway"
  service_name      = "com.amazonaws.${data.aws_region.current.id}.${each.key}"
  route_table_ids   = concat(local.tables, [for table in aws_route_table.workers : table.id])
  tags              = var.tags
}

resource "aws_vpc_endpoint" "interface" {
  for_each = toset(var.interface_endpoints)

  vpc_id              = local.vpc_id
  vpc_endpoint_type   = "Interface"
  service_name        = "com.amazonaws.${data.aws_region.current.id}.${each.key}"
  subnet_ids          = local.subnets
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
  tags                = var.tags
}

# -- what went where ----------------------------------------------------------------------------------------

resource "aws_cloudwatch_log_group" "flow" {
  count = local.creates && var.flow_log_days > 0 ? 1 : 0

  name              = "/aws/vpc/${var.name}"
  retention_in_days = var.flow_log_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

data "aws_iam_policy_document" "flow_assume" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "flow" {
  count = length(aws_cloudwatch_log_group.flow)

  statement {
    actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.flow[0].arn}:*"]
  }
}

resource "aws_iam_role" "flow" {
  count = length(aws_cloudwatch_log_group.flow)

  name               = "${var.name}-flow-log"
  assume_role_policy = data.aws_iam_policy_document.flow_assume.json
  tags               = var.tags
}

resource "aws_iam_role_policy" "flow" {
  count = length(aws_cloudwatch_log_group.flow)

  name   = "flow-log"
  role   = aws_iam_role.flow[0].id
  policy = data.aws_iam_policy_document.flow[0].json
}

resource "aws_flow_log" "this" {
  count = length(aws_cloudwatch_log_group.flow)

  vpc_id          = local.vpc_id
  traffic_type    = "REJECT"
  log_destination = aws_cloudwatch_log_group.flow[0].arn
  iam_role_arn    = aws_iam_role.flow[0].arn
  tags            = var.tags
}
