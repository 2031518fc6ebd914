variable "nickname" {
  type = string
}

variable "region" {
  type = string
}

variable "config" {
  type = object({
    hash_key = string
  })
}

resource "aws_dynamodb_table" "this" {
  name         = var.nickname
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = var.config.hash_key

  attribute {
    name = var.config.hash_key
    type = "S"
  }
}

output "runtime" {
  value = {
    table_name = aws_dynamodb_table.this.name
    table_arn  = aws_dynamodb_table.this.arn
  }
}
