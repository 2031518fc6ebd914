variable "name" {
  type        = string
  description = "The cluster's name."
}

variable "vpc_id" {
  type        = string
  description = "Network of the cluster."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets in two zones at least."
}

variable "client_security_groups" {
  type        = map(string)
  description = "Security groups that may reach the cluster, by a name for each."
}

variable "engine_version" {
  type        = string
  default     = "1.4.5.0"
  description = "The engine, all four numbers; the parameter family follows from it. Karma's client speaks TinkerPop 3.7: engines 1.3.2 to 1.4."

  validation {
    condition     = can(regex("^1\\.(3|4)\\.\\d+\\.\\d+$", var.engine_version))
    error_message = "The engine version is 1.3.x.y or 1.4.x.y: Karma's client speaks TinkerPop 3.7."
  }
}

variable "query_timeout_seconds" {
  type        = number
  default     = 20
  description = "How long Neptune works on a query; less than a function waits."
}

variable "slow_query_milliseconds" {
  type        = number
  default     = 2000
  description = "Queries that take longer are logged, and counted."
}

variable "apply_immediately" {
  type        = bool
  default     = false
  description = "Make changes of the cluster at once, not in its maintenance window."
}

variable "min_capacity" {
  type        = number
  default     = 1
  description = "Neptune capacity units when nobody asks (about 2 GB each)."
}

variable "max_capacity" {
  type        = number
  default     = 8
  description = "Most Neptune capacity units."
}

variable "instances" {
  type        = number
  default     = 1
  description = "1, or 2 for a failover in half a minute."
}

variable "backup_days" {
  type        = number
  default     = 1
  description = "Neptune takes 1 to 35."
}

variable "deletion_protection" {
  type        = bool
  default     = false
  description = "Refuse to delete the cluster. The graph can be built again: what must not go are the tables and the bucket."
}

variable "log_retention_days" {
  type        = number
  default     = 365
  description = "How long audit and slow queries are kept."
}

variable "log_kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the log groups; null: CloudWatch's own encryption."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the storage; null: Neptune's own."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}

variable "load_from" {
  type        = list(object({ bucket_arn = string, folder = string }))
  default     = []
  description = "Folders of buckets that graphs are loaded from; none: every graph is written by requests."
}

variable "load_kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the objects there; null: S3's own."
}
