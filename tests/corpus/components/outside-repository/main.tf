resource "terraform_data" "this" {
  input = file("/etc/hostname")
}
