team = "auto"
