variable "source_name" {
  type    = string
  default = "main"
}

data "aws_ssm_parameter" "endpoint" {
  name = format("/%s/%s/endpoint", "shared", var.source_name)
}

resource "aws_sqs_queue" "this" {
  name = "corpus-${var.source_name}"
  tags = { endpoint = nonsensitive(data.aws_ssm_parameter.endpoint.value) }
}

output "url" { value = aws_sqs_queue.this.id }
