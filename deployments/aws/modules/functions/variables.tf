variable "name" {
  type        = string
  description = "Beginning of every name, e.g. karma-prod."
}

variable "package_dir" {
  type        = string
  description = "Folder that `make lambda` wrote: the zips and functions.json."
}

variable "project" {
  type        = any
  description = "The project's settings: the keys of karma.toml. Every store must be in AWS."
}

variable "authorizer" {
  type        = any
  default     = {}
  description = "Which claims and IAM roles are which of Karma's roles: role_claim, user_claim, roles, iam_roles."
}

variable "prefect_auth_parameter" {
  type        = string
  default     = ""
  description = "SecureString parameter that holds the Prefect API's USER:PASSWORD."
}

variable "webhook_secret_parameters" {
  type        = map(string)
  default     = {}
  description = "SecureString parameters that hold the secrets of the webhooks, by endpoint: github, generic."
}

variable "artifacts_are_locked" {
  type        = bool
  default     = false
  description = "Whether Karma locks what it writes into the bucket."
}

variable "answer_bytes" {
  type        = number
  default     = 4000000
  description = "Largest body that is sent as it is; larger ones are fetched from the bucket."
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
  default     = "/iac"
  description = "Parameter prefix of the environment."
}

variable "snap_start" {
  type        = bool
  default     = false
  description = "Restore containers from snapshots; needs a runtime of Python 3.12 or newer."
}

variable "provisioned_concurrency" {
  type        = number
  default     = 0
  description = "Containers of each function that are kept ready, and paid for."
}

variable "tracing" {
  type        = bool
  default     = false
  description = "Send traces to X-Ray; false: only where the caller asks."
}

variable "state_table" {
  type        = object({ name = string, arn = string })
  description = "The state's table."
}

variable "log_table" {
  type        = object({ name = string, arn = string })
  description = "The log's table."
}

variable "bucket" {
  type        = string
  description = "The artifacts' bucket."
}

variable "event_bus" {
  type        = object({ name = string, arn = string })
  description = "Bus that orders of runs go to where no Prefect API is set."
}

variable "neptune_resource_arn" {
  type        = string
  default     = null
  description = "Neptune's data resource, arn:aws:neptune-db:REGION:ACCOUNT:CLUSTER-RESOURCE-ID/*."
}

variable "runtime" {
  type        = string
  default     = "python3.11"
  description = "Lambda runtime; the zips must have been built for its version of Python."
}

variable "memory_mb" {
  type        = number
  default     = 1024
  description = "Memory; the processor's share grows with it."
}

variable "timeout_seconds" {
  type        = number
  default     = 29
  description = "Below the 30 s after which an HTTP API gives up."
}

variable "reserved_concurrency" {
  type        = number
  default     = -1
  description = "Most containers of a function at once; -1: no limit but the account's."
}

variable "subnet_ids" {
  type        = list(string)
  default     = []
  description = "Private subnets from which Neptune is reached."
}

variable "security_group_ids" {
  type        = list(string)
  default     = []
  description = "Security groups of the functions."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of parameters, bucket and log groups; null: AWS-managed keys."
}

variable "log_retention_days" {
  type        = number
  default     = 365
  description = "How long the functions' own log lines are kept."
}

variable "alarm_topics" {
  type        = list(string)
  default     = []
  description = "SNS topics that alarms are sent to."
}

variable "aws_endpoint" {
  type        = string
  default     = ""
  description = "Address of a local AWS; empty on AWS."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}
