size = 3
team = "files"
