variable "name" {
  type        = string
  description = "Beginning of every name, e.g. karma-prod."
}

variable "functions" {
  type        = any
  description = "What `make lambda` says of the functions: functions.json."
}

variable "environments" {
  type        = list(string)
  description = "Environments that the functions serve: the beginnings of their keys in tables and bucket."
}

variable "region" {
  type        = string
  description = "Region of the environment."
}

variable "account_id" {
  type        = string
  description = "Account of the environment."
}

variable "partition" {
  type        = string
  default     = "aws"
  description = "aws, aws-cn or aws-us-gov."
}

variable "prefix" {
  type        = string
  description = "Parameter prefix of the environment."
}

variable "state_table_arn" {
  type        = string
  description = "The state's table."
}

variable "log_table_arn" {
  type        = string
  description = "The log's table."
}

variable "bucket" {
  type        = string
  description = "The artifacts' bucket."
}

variable "event_bus_arn" {
  type        = string
  default     = null
  description = "Bus that runs are ordered on; null: by Prefect's API."
}

variable "prefect_auth_parameter" {
  type        = string
  default     = ""
  description = "SecureString parameter that holds the Prefect API's USER:PASSWORD."
}

variable "webhook_secret_parameters" {
  type        = list(string)
  default     = []
  description = "SecureString parameters that hold the secrets of the webhooks."
}

variable "artifacts_are_locked" {
  type        = bool
  default     = false
  description = "Whether Karma locks what it writes into the bucket."
}

variable "neptune_resource_arn" {
  type        = string
  default     = null
  description = "Neptune's data resource; null: a Gremlin Server, which asks IAM nothing."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of parameters and bucket; null: AWS-managed keys."
}

variable "in_vpc" {
  type        = bool
  default     = false
  description = "Whether the functions are in a network."
}
