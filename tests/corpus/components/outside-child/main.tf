module "address" {
  source = "../modules/address"
}

resource "terraform_data" "this" {
  input = module.address.text
}
