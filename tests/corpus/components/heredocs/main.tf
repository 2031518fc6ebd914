variable "config" {
  type = any
}

variable "dependencies" {
  type = any
}

locals {
  queue = var.dependencies["queue/${var.config.queue_nickname}"]
  text  = <<-TEXT
    [worker]
    url = ${local.queue.url}
    %{~ if local.queue.depth > 3 }
    deep = yes
    %{~ endif }
    literal = $${not.a.reference} %%{ if }
  TEXT
  plain = <<EOT
${jsonencode({ name = var.config.name })}
EOT
}

resource "terraform_data" "this" {
  input = local.text
}

output "lines" { value = length(split("\n", local.plain)) }
