variable "name" {
  type        = string
  description = "The bucket's name, unique in the partition."
}

variable "environments" {
  type        = list(string)
  description = "Environments whose large answers expire after a day."
}

variable "object_lock_days" {
  type        = number
  default     = 0
  description = "Above 0 the bucket is made with Object Lock; set aws.object_lock_days in karma.toml alike."
}

variable "force_destroy" {
  type        = bool
  default     = false
  description = "Let `terraform destroy` delete a bucket that holds something."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the objects; null: S3's own."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}
