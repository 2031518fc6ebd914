"""One file per resource: its request and response models, its handlers, and its part of the route table."""
