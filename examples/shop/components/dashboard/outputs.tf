output "runtime" {
  value = {
    dashboard_id = terraform_data.dashboard.id
    url          = "https://console.example.net/dashboards/shop-${var.nickname}"
  }
}
