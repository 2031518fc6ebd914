variable "name" {
  type        = string
  description = "Beginning of every name, e.g. karma-prod."
}

variable "region" {
  type        = string
  description = "Region of the workers."
}

variable "image" {
  type        = string
  description = "The image of deployments/containers/Containerfile with the project's modules and karma.toml, by its digest."
}

variable "command" {
  type        = list(string)
  default     = ["karma-worker"]
  description = "What the container runs."
}

variable "workers" {
  type        = number
  default     = 1
  description = "Workers at once."
}

variable "cpu" {
  type        = number
  default     = 1024
  description = "Processor units of a worker; 1024 are one."
}

variable "memory_mb" {
  type        = number
  default     = 4096
  description = "Memory of a worker; eight Terraforms with the AWS provider need about 4 GB."
}

variable "storage_gib" {
  type        = number
  default     = 30
  description = "Room for clones, providers and plans; Fargate gives 21 to 200."
}

variable "environment" {
  type        = map(string)
  default     = {}
  description = "Variables of the container: PREFECT_API_URL, KARMA_…"
}

variable "secret_arns" {
  type        = map(string)
  default     = {}
  description = "Variables whose values are SecureString parameters, by ARN: PREFECT_API_AUTH_STRING."
}

variable "repository_arn" {
  type        = string
  default     = null
  description = "The image's repository in ECR; null: elsewhere."
}

variable "policy_arns" {
  type        = map(string)
  default     = {}
  description = "Policies of the workers, by a name for each: what `karma doctor --iam-policy` prints, and what the modules create."
}

variable "orders_queue" {
  type        = object({ url = string, arn = string, name = string })
  description = "Queue that orders wait in."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Subnets with a way out."
}

variable "security_group_id" {
  type        = string
  description = "Security group of the workers."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of log and secrets; null: the keys that AWS manages."
}

variable "log_retention_days" {
  type        = number
  default     = 365
  description = "How long the workers' log lines are kept."
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
