# How this platform names things. No resources: a child module that several component types share.

locals {
  # 123456789012 is the account id of AWS's own documentation: nobody's account.
  account_id = "123456789012"
  name       = "shop-${var.component_name}-${var.nickname}"
}
