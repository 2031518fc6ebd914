variable "name" {
  type        = string
  description = "Beginning of every name, e.g. karma-prod."
}

variable "archive_days" {
  type        = number
  default     = 90
  description = "How long orders are kept, to be sent again."
}

variable "take_seconds" {
  type        = number
  default     = 60
  description = "How long whoever took an order has to hand it to Prefect, before another may take it."
}

variable "attempts" {
  type        = number
  default     = 10
  description = "How often an order is tried before it goes to the dead-letter queue."
}

variable "oldest_seconds" {
  type        = number
  default     = 300
  description = "An order that has waited longer raises the alarm."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the queues; its policy must let events.amazonaws.com use it. null: SQS's own."
}

variable "alarm_topics" {
  type        = list(string)
  default     = []
  description = "SNS topics that alarms are sent to."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}
