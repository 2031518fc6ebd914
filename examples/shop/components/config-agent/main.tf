# The agent reads the runtimes that it follows by itself, while it runs: Terraform only registers it.
resource "terraform_data" "registration" {
  input = { agent = var.nickname, poll_seconds = var.config.poll_seconds, follows = var.config.follows }
}
