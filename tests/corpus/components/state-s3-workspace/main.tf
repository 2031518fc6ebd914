variable "state_endpoint" {
  type = string
}

variable "queue" {
  type = string
}

data "terraform_remote_state" "queue" {
  backend   = "s3"
  workspace = var.queue
  config = {
    bucket                      = "fleet-states"
    workspace_key_prefix        = "fleet/queue"
    key                         = "terraform.tfstate"
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
  input = data.terraform_remote_state.queue.outputs.runtime["arn"]
}

output "arn" { value = terraform_data.this.output }
