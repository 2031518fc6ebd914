variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

data "http" "address" {
  url = "${var.dependencies["queue/jobs"].url}/address"
}

resource "terraform_data" "this" {
  input = data.http.address.response_body
}
