# The state is read by a child module, which hands its outputs up.
variable "states" {
  type = string
}

module "shared" {
  source = "../modules/shared-state"
  path   = "${var.states}/queue/mails/terraform.tfstate"
}

resource "terraform_data" "this" {
  input = module.shared.runtime.url
}

output "url" { value = terraform_data.this.output }
