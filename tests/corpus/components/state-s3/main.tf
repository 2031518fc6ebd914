variable "state_endpoint" {
  type = string
}

variable "bucket" {
  type    = string
  default = "fleet-states"
}

data "terraform_remote_state" "network" {
  backend = "s3"
  config = {
    bucket                      = var.bucket
    key                         = "fleet/net/core/terraform.tfstate"
    region                      = "eu-central-1"
    endpoints                   = { s3 = var.state_endpoint }
    use_path_style              = true
    skip_credentials_validation = true
    skip_metadata_api_check     = true
    skip_requesting_account_id  = true
    skip_region_validation      = true
  }
}

resource "terraform_data" "this" {
  input = "${data.terraform_remote_state.network.outputs.cidr} ${length(data.terraform_remote_state.network.outputs.zones)}"
}

output "cidr" { value = terraform_data.this.output }
