# The version that the schemas of the tests are of. `terraform init` adds the hashes of what it gets; for the other
# platforms of your people and pipelines: terraform providers lock -platform=linux_amd64 -platform=darwin_arm64

provider "registry.terraform.io/hashicorp/aws" {
  version     = "6.62.0"
  constraints = ">= 5.31.0, < 7.0.0"
}
