# This type reads and writes Parameter Store itself: Karma finds both here, and leaves both to it.

data "aws_ssm_parameter" "bucket" {
  name = "${var.iac_prefix}/s3-bucket/${var.config.s3_bucket_nickname}/runtime"
}

data "aws_ssm_parameter" "table" {
  name = "${var.iac_prefix}/dynamodb-table/${var.config.dynamodb_table_nickname}/runtime"
}

locals {
  bucket = jsondecode(data.aws_ssm_parameter.bucket.value)
  table  = jsondecode(data.aws_ssm_parameter.table.value)
}

resource "aws_ssm_parameter" "runtime" {
  name = "${var.iac_prefix}/iam-role/${var.nickname}/runtime"
  type = "String"

  value = jsonencode({
    role_name = aws_iam_role.this.name
    role_arn  = aws_iam_role.this.arn
  })
}
