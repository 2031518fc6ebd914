resource "terraform_data" "this" {
  count = var.number
  input = "${var.cidr} ${count.index}"
}

output "cidr" { value = var.cidr }
