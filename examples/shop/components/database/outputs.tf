# No output is called `runtime`: all of them together are published, and only the password is sensitive.

output "endpoint" {
  value = "${var.nickname}.${substr(terraform_data.instance.id, 0, 8)}.${var.region}.db.example.net"
}

output "port" {
  value = 5432
}

output "database_name" {
  value = "shop_${replace(var.nickname, "-", "_")}"
}

output "instance_id" {
  value = "db-${upper(substr(replace(terraform_data.instance.id, "-", ""), 0, 20))}"
}

output "password" {
  value     = local.password
  sensitive = true
}
