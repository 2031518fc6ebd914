variable "parts" {
  type = list(string)
}

variable "separator" {
  type = string
}

output "text" { value = join(var.separator, compact(var.parts)) }
output "count" { value = length(var.parts) }
