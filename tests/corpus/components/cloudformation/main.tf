data "aws_cloudformation_export" "address" {
  name = "corpus-address"
}

resource "aws_sqs_queue" "this" {
  name = "corpus-exported"
  tags = { address = data.aws_cloudformation_export.address.value }
}

output "url" { value = aws_sqs_queue.this.id }
