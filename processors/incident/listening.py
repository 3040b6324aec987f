"""Whether a feed was listened to: what was not listened to was not silent (docs/requirements.md, F7).

    watermarks without a hole ─► the feed is complete until the latest of them
    a hole ────────────────────► what silence proves is judged anew from its end on
    no watermark at all ───────► the feed is not read, and no device is silent

Ticks with a hole mean that nobody folded, or that no broker was there; everything is judged anew after that too.
"""

from processors.state.entities import Device
from processors.state.partition_state import State
from schemas.enums import DeviceKind
from schemas.topic_family import is_member_name
from schemas.topics import FRAMES, PILLAR_EVENTS, pillar_topic
from schemas.units import SECOND_MS, EpochMs

HOLE_MS = 5 * SECOND_MS
"""Watermarks of a partition that are missing for longer are a hole: they come once a second."""

SLOW_HOLE_MS = 15 * SECOND_MS
"""The same for frames, whose watermarks come every five seconds."""

RETRY_MS = 10 * SECOND_MS
"""How soon to ask again whether a feed is read at all."""


def feed_of(device: Device) -> str:
    """The topic through which a device reports: that of the gateway to which the registry binds it, where it does."""
    site = device.site
    if site is not None and site.kind is DeviceKind.CAMERA:
        return FRAMES
    if site is None or site.source is None or not is_member_name(site.source):
        return PILLAR_EVENTS
    return pillar_topic(site.source)


def hole_ms(topic: str) -> int:
    """How long the watermarks of a feed may be missing, milliseconds, before that is a hole."""
    return SLOW_HOLE_MS if topic == FRAMES else HOLE_MS


def heard_since(state: State, topic: str) -> EpochMs | None:
    """Stream time since which a feed has been read without a hole; None where it was never read."""
    heard = state.heard.get(topic)
    return None if heard is None else max(heard[0], state.heard_since)


def is_complete(state: State, topic: str, until: int) -> bool:
    """Whether every partition of a feed has reported a watermark since a point in stream time."""
    heard = state.heard.get(topic)
    return heard is None or heard[1] >= until


def proven_at(state: State, topic: str, due: int) -> EpochMs:
    """When to check what a silence until `due` proves: then, or a little later while the feed lags behind."""
    if due <= state.now and not is_complete(state, topic, due):
        return EpochMs(state.now + SECOND_MS)
    return EpochMs(due)


def proof_due(state: State, topic: str, for_ms: int) -> EpochMs | None:
    """When a silence of so many milliseconds that should be over now is proven; None where it is.

    It is not where the feed has had a hole meanwhile, or where it has not been read until now.
    """
    since = heard_since(state, topic)
    if since is None:
        return EpochMs(state.now + RETRY_MS)
    if since + for_ms > state.now:
        return EpochMs(since + for_ms)
    return None if is_complete(state, topic, state.now - hole_ms(topic)) else EpochMs(state.now + SECOND_MS)
