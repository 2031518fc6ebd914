locals {
  seen = local.network.cidr
}
