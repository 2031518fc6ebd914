variable "name" {
  type        = string
  description = "Beginning of every name, e.g. karma-prod."
}

variable "point_in_time_recovery" {
  type        = bool
  default     = true
  description = "Keep what is needed to restore the tables to any second of the last 35 days."
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Refuse to delete the tables."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key that encrypts the tables; null: the key that AWS manages for DynamoDB."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}
