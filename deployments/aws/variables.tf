variable "environment" {
  type        = string
  description = "Name of the environment, e.g. prod."
}

variable "region" {
  type        = string
  description = "Region of the environment."
}

variable "prefix" {
  type        = string
  default     = "/iac"
  description = "Parameter prefix of the environment."
}

variable "package_dir" {
  type        = string
  default     = "../../build/lambda"
  description = "Folder that `make lambda` wrote."
}

variable "project" {
  type        = any
  default     = {}
  description = "Further keys of karma.toml: policy, types, api, service."
}

variable "environment_settings" {
  type        = any
  default     = {}
  description = "Further keys of the environment's section: policy, variables, lease_seconds."
}

variable "authorization" {
  type        = string
  default     = "NONE"
  description = "NONE: Karma's own tokens. JWT: a JWT authorizer. AWS_IAM: signed requests."
}

variable "jwt_issuer" {
  type        = string
  default     = null
  description = "Issuer of the tokens, where authorization is JWT."
}

variable "jwt_audience" {
  type        = list(string)
  default     = []
  description = "Audiences that are let in."
}

variable "authorizer" {
  type        = any
  default     = {}
  description = "Which claims and IAM roles are which of Karma's roles: role_claim, user_claim, roles, iam_roles."
}

variable "prefect_auth_parameter" {
  type        = string
  default     = ""
  description = "SecureString parameter with the Prefect API's USER:PASSWORD, where project.service names the API."
}

variable "webhook_secret_parameters" {
  type        = map(string)
  default     = {}
  description = "SecureString parameters that hold the secrets of the webhooks, by endpoint: github, generic. An endpoint without one is off."
}

variable "worker_security_groups" {
  type        = map(string)
  default     = {}
  description = "Security groups of the workers that build the graph, by a name for each."
}

variable "runtime" {
  type        = string
  default     = "python3.11"
  description = "Lambda runtime; build the zips for the same version of Python."
}

variable "existing_network" {
  type        = object({ vpc_id = string, subnet_ids = list(string), route_table_ids = list(string), worker_subnet_ids = list(string) })
  default     = null
  description = "A VPC that there is, private subnets in two zones at least, their route tables, subnets for workers; null: a new VPC."
}

variable "cidr" {
  type        = string
  default     = "10.90.0.0/20"
  description = "Addresses of a new network."
}

variable "nat" {
  type        = string
  default     = "none"
  description = "NAT gateways of a new network, for workers: none, one, or one in each zone (each)."
}

variable "gateway_endpoints" {
  type        = list(string)
  default     = ["dynamodb", "s3"]
  description = "Gateway endpoints; leave out what an existing network has."
}

variable "interface_endpoints" {
  type        = list(string)
  default     = null
  description = "Interface endpoints; null: those that the functions use (ssm, and events where no Prefect API is set). [] where an existing network has them."
}

variable "workers" {
  type = object({
    image          = string
    count          = optional(number, 1)
    repository_arn = optional(string)
    environment    = optional(map(string), {})
    secret_arns    = optional(map(string), {})
    policy_arns    = optional(map(string), {})
  })
  default     = null
  description = "Workers as an ECS service; null: they run elsewhere."
}

variable "neptune_engine_version" {
  type        = string
  default     = "1.4.5.0"
  description = "Neptune's engine; the parameter family follows from it."
}

variable "neptune_min_capacity" {
  type        = number
  default     = 1
  description = "Neptune capacity units when nobody asks."
}

variable "neptune_max_capacity" {
  type        = number
  default     = 8
  description = "Most Neptune capacity units."
}

variable "neptune_instances" {
  type        = number
  default     = 1
  description = "1, or 2 for a failover in half a minute."
}

variable "deletion_protection" {
  type        = bool
  default     = true
  description = "Refuse to delete what cannot be made again: tables, and a bucket that holds something. Set it to false, apply, then destroy."
}

variable "snap_start" {
  type        = bool
  default     = false
  description = "Restore the functions' containers from snapshots; needs a runtime of Python 3.12 or newer."
}

variable "provisioned_concurrency" {
  type        = number
  default     = 0
  description = "Containers of each function that are kept ready, and paid for."
}

variable "object_lock_days" {
  type        = number
  default     = 0
  description = "Above 0, artifacts cannot be deleted by anybody for so long."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of everything that is kept; null: the keys that AWS manages."
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
