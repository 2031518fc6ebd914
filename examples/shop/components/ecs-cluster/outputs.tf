output "runtime" {
  value = {
    cluster_arn = "${module.naming.arn}:cluster/${module.naming.name}"
    namespace   = "${var.nickname}.shop.internal"
    capacity    = var.config.capacity
  }
}
