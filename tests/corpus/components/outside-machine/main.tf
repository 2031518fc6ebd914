data "local_file" "hosts" {
  filename = "/etc/hosts"
}

data "local_sensitive_file" "key" {
  filename = pathexpand("~/.ssh/id_ed25519")
}

resource "terraform_data" "this" {
  input = data.local_file.hosts.content_md5
}
