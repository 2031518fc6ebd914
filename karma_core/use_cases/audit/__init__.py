"""The audit trail: causes of events, and artifacts."""
