output "runtime" {
  value = {
    names = sort([for record in terraform_data.alias : record.output.name])
  }
}
