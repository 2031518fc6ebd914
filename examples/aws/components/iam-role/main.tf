variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "iac_prefix" {
  type = string
}

variable "config" {
  type = object({
    service                 = string
    s3_bucket_nickname      = string
    dynamodb_table_nickname = string
  })
}

resource "aws_iam_role" "this" {
  name = var.nickname

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = var.config.service } }]
  })
}

resource "aws_iam_role_policy" "data" {
  name = "data"
  role = aws_iam_role.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject"], Resource = "${local.bucket.bucket_arn}/*" },
      { Effect = "Allow", Action = ["dynamodb:GetItem", "dynamodb:PutItem"], Resource = local.table.table_arn },
    ]
  })
}
