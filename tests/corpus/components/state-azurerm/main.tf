variable "account" {
  type    = string
  default = "foreignstates"
}

data "terraform_remote_state" "network" {
  backend = "azurerm"
  config = {
    resource_group_name  = "states"
    storage_account_name = var.account
    container_name       = "tfstate"
    key                  = "network/core.tfstate"
  }
}

resource "terraform_data" "this" {
  input = data.terraform_remote_state.network.outputs.cidr
}
