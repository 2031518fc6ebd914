variable "aws_endpoint" {
  type        = string
  description = "Address of the local AWS."
}

variable "gremlin_url" {
  type        = string
  description = "Endpoint of a Gremlin Server, ws://HOST:PORT/gremlin."
}

variable "package_dir" {
  type        = string
  description = "Folder that `make lambda` wrote."
}

variable "name" {
  type        = string
  default     = "karma"
  description = "Beginning of every name."
}

variable "environment" {
  type        = string
  default     = "test"
  description = "The environment that is served."
}

variable "region" {
  type        = string
  default     = "eu-central-1"
  description = "Region."
}

variable "runtime" {
  type        = string
  default     = "python3.8"
  description = "The newest that provider 3.39 takes; a local AWS runs the Python that it has."
}

variable "answer_bytes" {
  type        = number
  default     = 4000000
  description = "Largest body that is sent as it is."
}

variable "webhook_secret_parameters" {
  type        = map(string)
  default     = {}
  description = "SecureString parameters that hold the secrets of the webhooks, by endpoint."
}
