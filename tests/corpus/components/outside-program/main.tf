data "external" "version" {
  program = ["git", "describe"]
}

resource "terraform_data" "this" {
  input = data.external.version.result.version
}
