"""Policy: what a project forbids or wants approved, who may ask and approve, and when nothing is changed."""
