"""Headers of generic deliveries, signed as a sender does."""

from __future__ import annotations

from datetime import datetime

from karma_core.webhooks import sign_order


def order_headers(
    secret: str, environment: str, raw: bytes, *, delivery: str, at: datetime
) -> dict[str, str]:
    """The headers of an order that was signed at that time."""
    timestamp = str(int(at.timestamp()))
    return {
        "x-karma-signature-256": sign_order(secret, environment, delivery, timestamp, raw),
        "x-karma-delivery": delivery,
        "x-karma-timestamp": timestamp,
    }
