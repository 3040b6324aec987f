"""Decisions as bytes: whatever was decided fits its topic, or is a `fold_error` that stops nothing.

    alert ─► encode ─┬─ fits ───────────────────────────────────────────────► as it is
                     ├─ too large ─► fewer sources, then no pictures and texts ─► smaller
                     └─ cannot be encoded ─► held to the bounds of records ───► as near as it can be told

A replay makes the same bytes by the same way (streams/replay/refold.py). Behind the fold's door
(processors/fold/bounds.py) no alert is larger than about 300 kB; this is the second line, for what nobody thought of.
"""

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from processors.fold.bounds import held
from schemas.alert import Alert
from schemas.codec import encode
from schemas.topics import ALERTS, BY_NAME

MAX_BYTES: Final = BY_NAME[ALERTS].max_message_bytes - (4 << 10)
"""The largest alert, bytes: what its topics take, less key, headers and the broker's own frame."""

FEW: Final = 10
"""Sources that stay where all of them are too many: the first one and the latest."""


def encode_alert(alert: Alert) -> bytes:
    """An alert in the bytes that are published.

    Raises:
        ValueError: It cannot be encoded, however much of it is left out.
    """
    try:
        payload = encode(alert)
    except ValueError:
        payload = b""
    if 0 < len(payload) <= MAX_BYTES:
        return payload
    attempts = _smaller(alert)
    for smaller in attempts if payload else (alert, *attempts):
        payload = encode(held(smaller))
        if len(payload) <= MAX_BYTES:
            return payload
    raise ValueError(f"an alert of {len(payload)} bytes")


def _smaller(alert: Alert) -> Iterator[Alert]:
    """The alert with less and less of what somebody can do without; `source_count` still says how many there were."""
    sources = alert.sources
    few = sources if len(sources) <= FEW else (sources[0], *sources[1 - FEW :])
    alert = replace(alert, sources=few)
    yield alert
    alert = replace(alert, sources=few[:1], media=(), related_incidents=(), prior=alert.prior[-1:])
    yield alert
    yield replace(alert, texts=(), chain=alert.chain[:1], note=None)
