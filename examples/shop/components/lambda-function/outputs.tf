output "runtime" {
  value = {
    function_name = module.naming.name
    function_arn  = "${module.naming.arn}:function:${module.naming.name}"
  }
}
