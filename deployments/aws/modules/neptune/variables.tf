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
  description = "Karma's client speaks TinkerPop 3.7: engines 1.3.2 to 1.4."
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
  default     = true
  description = "Refuse to delete the cluster."
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
