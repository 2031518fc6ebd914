variable "name" {
  type        = string
  description = "Beginning of every name."
}

variable "existing" {
  type        = object({ vpc_id = string, subnet_ids = list(string), route_table_ids = list(string), worker_subnet_ids = list(string) })
  default     = null
  description = "A VPC that there is, its private subnets in two zones at least, their route tables (for the gateway endpoints), and subnets for workers; null: a new VPC."
}

variable "cidr" {
  type        = string
  default     = "10.90.0.0/20"
  description = "Addresses of a new network, cut into sixteen subnets; nothing of it may overlap with what is peered."
}

variable "zones" {
  type        = number
  default     = 2
  description = "Availability zones of a new network; Neptune wants two at least."

  validation {
    condition     = var.zones >= 2 && var.zones <= 4
    error_message = "Zones are 2, 3 or 4."
  }
}

variable "nat" {
  type        = string
  default     = "none"
  description = "NAT gateways of a new network, for workers: none, one, or one in each zone (each)."

  validation {
    condition     = contains(["none", "one", "each"], var.nat)
    error_message = "The NAT gateways are none, one or each."
  }
}

variable "gateway_endpoints" {
  type        = list(string)
  default     = ["dynamodb", "s3"]
  description = "Gateway endpoints. They cost nothing; leave out what an existing network has."
}

variable "interface_endpoints" {
  type        = list(string)
  default     = ["ssm"]
  description = "Services that are used and have no gateway endpoint: each is paid for in each zone. Leave out what an existing network has."
}

variable "flow_log_days" {
  type        = number
  default     = 30
  description = "How long refused connections in a new network are kept; 0: no flow log."
}

variable "kms_key_arn" {
  type        = string
  default     = null
  description = "Key of the flow log; null: CloudWatch's own encryption."
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource."
}
