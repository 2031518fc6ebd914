# One widget for each component that the config declares under depends_on. What a widget shows is whatever
# arrives of the producer's runtime, which is what component.yaml lists under consumes.
resource "terraform_data" "widget" {
  for_each = var.dependencies

  input = { title = each.key, dimensions = each.value, period_seconds = var.config.period_seconds }
}

resource "terraform_data" "dashboard" {
  input = { name = "shop-${var.nickname}", widgets = sort(keys(var.dependencies)) }
}
