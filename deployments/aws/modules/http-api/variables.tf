variable "name" {
  type        = string
  description = "The API's name, e.g. karma-prod."
}

variable "functions" {
  type        = map(object({ name = string, alias = optional(string), invoke_arn = string, routes = list(string) }))
  description = "The functions, as the module `functions` gives them."
}

variable "fallback" {
  type        = string
  default     = "health"
  description = "Function that answers what no route takes."
}

variable "authorization" {
  type        = string
  default     = "NONE"
  description = "NONE: Karma's own tokens. JWT: a JWT authorizer. AWS_IAM: signed requests."

  validation {
    condition     = contains(["NONE", "JWT", "AWS_IAM"], var.authorization)
    error_message = "Authorization is NONE, JWT or AWS_IAM."
  }
}

variable "jwt_issuer" {
  type        = string
  default     = null
  description = "Issuer of the tokens, e.g. https://cognito-idp.REGION.amazonaws.com/POOL."
}

variable "jwt_audience" {
  type        = list(string)
  default     = []
  description = "Audiences that are let in."
}

variable "open_routes" {
  type        = list(string)
  default     = ["GET /healthz", "GET /readyz", "POST /webhooks/generic", "POST /webhooks/github", "$default"]
  description = "Routes that API Gateway lets everybody call: probes, and deliveries, which are signed."
}

variable "requests_per_second" {
  type        = number
  default     = 100
  description = "Requests a second, of all callers together, before API Gateway answers 429."
}

variable "burst" {
  type        = number
  default     = 200
  description = "Requests at once before API Gateway answers 429."
}

variable "disable_execute_api_endpoint" {
  type        = bool
  default     = false
  description = "Answer under a domain of your own alone."
}

variable "log_retention_days" {
  type        = number
  default     = 365
  description = "How long access log lines are kept."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the access log; null: CloudWatch's own encryption."
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
