variable "name" {
  type        = string
  description = "Beginning of every name, e.g. karma-prod."
}

variable "environment" {
  type        = string
  description = "The environment, as Karma's own metrics name it."
}

variable "region" {
  type        = string
  description = "Region of the metrics."
}

variable "functions" {
  type        = map(string)
  description = "The functions' names in Lambda, by Karma's."
}

variable "timeout_seconds" {
  type        = number
  default     = 29
  description = "The functions' time-out."
}

variable "api_id" {
  type        = string
  description = "The HTTP API."
}

variable "tables" {
  type        = map(string)
  description = "The tables, by what they hold: state, log."
}

variable "cluster_identifier" {
  type        = string
  description = "The Neptune cluster."
}

variable "neptune_max_capacity" {
  type        = number
  description = "Most Neptune capacity units."
}

variable "slow_query_log_group" {
  type        = string
  description = "Where Neptune logs slow queries."
}

variable "event_bus" {
  type        = string
  description = "The bus of orders."
}

variable "orders_queue" {
  type        = string
  description = "Queue that orders wait in."
}

variable "dead_letters" {
  type        = string
  description = "Queue of what could not be delivered or carried out."
}

variable "oldest_change_seconds" {
  type        = number
  default     = 1800
  description = "A change that has been queued longer raises the alarm."
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
