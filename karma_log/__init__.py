"""The durable audit trail: events, hash chain, sinks, reading and verifying."""
