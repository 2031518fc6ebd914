locals {
  network     = var.dependencies["vpc/${var.config.vpc_nickname}"]
  groups      = [for nickname in var.config.security_group_nicknames : var.dependencies["security-group/${nickname}"].group_id]
  instance_id = "i-${substr(replace(terraform_data.instance.id, "-", ""), 0, 17)}"
}

resource "terraform_data" "instance" {
  input = { type = var.config.instance_type, groups = local.groups }

  # Another image or network is another machine.
  triggers_replace = [var.config.image_id, local.network.vpc_id, local.network.subnet_ids[0]]
}
