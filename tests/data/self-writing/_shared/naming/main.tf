variable "parts" {
  type = list(string)
}

output "runtime" {
  value = join("/", concat(var.parts, ["runtime"]))
}
