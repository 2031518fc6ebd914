variable "component_name" {
  description = "The component's type."
  type        = string
}

variable "nickname" {
  description = "The component's nickname."
  type        = string
}

variable "region" {
  description = "AWS region that the resource lives in."
  type        = string
}

variable "service" {
  description = "AWS service as ARNs write it, e.g. sqs."
  type        = string
}
