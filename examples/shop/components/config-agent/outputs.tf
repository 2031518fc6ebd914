output "runtime" {
  value = {
    agent_id = terraform_data.registration.id
  }
}
