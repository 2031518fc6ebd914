# A child module from a registry: whatever it is given counts as a whole.
variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

module "vpc" {
  source  = "terraform-aws-modules/vpc/aws"
  version = "5.1.0"
  cidr    = var.dependencies["net/core"].cidr
  tags    = var.dependencies["queue/jobs"]
}

output "id" { value = module.vpc.vpc_id }
