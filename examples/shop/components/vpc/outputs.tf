output "runtime" {
  description = "vpc_id and subnet_ids are known only after the apply; cidr and dns_servers come from the config."
  value = {
    vpc_id      = local.network_id
    cidr        = var.config.cidr
    subnet_ids  = [for name in sort(keys(var.config.subnets)) : "subnet-${substr(replace(terraform_data.subnet[name].id, "-", ""), 0, 17)}"]
    dns_servers = var.config.dns_servers
  }
}
