variable "dependencies" {
  type = map(object({
    url   = string
    depth = optional(number, 1)
    note  = optional(string, "none")
  }))
}

resource "terraform_data" "this" {
  for_each = var.dependencies
  input    = "${each.value.url} ${each.value.depth} ${each.value.note}"
}

output "addresses" { value = keys(var.dependencies) }
