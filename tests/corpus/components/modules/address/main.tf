data "external" "address" {
  program = ["hostname", "-I"]
}

output "text" { value = data.external.address.result }
