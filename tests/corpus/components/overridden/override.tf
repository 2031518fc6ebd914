resource "terraform_data" "this" {
  input = local.network.ports
}
