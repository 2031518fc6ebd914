# The region of one configuration of the provider follows from a producer.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

module "queue" {
  source    = "../modules/aws-queue"
  name      = "corpus-alias"
  providers = { aws = aws.other }
}

resource "aws_sqs_queue" "here" {
  name = "corpus-here"
}

output "urls" { value = [module.queue.url, aws_sqs_queue.here.id] }
