"""Assertions about the alerts that a time line must and must not have issued between two seconds.

line.press(0)
line.run(1, 40)
once(line, 30, 31, reason=Reason.NOBODY_ACKNOWLEDGED)
never(line, 0, 40, grade=Grade.BLUE)
"""

from processors.fold.reducer import fold
from processors.fold.snapshot_codec import dump, load
from processors.incident.issue import topic_for
from processors.state.effect import Decision
from processors.state.partition_state import new_state
from schemas.ack import AckResult
from schemas.alert import Alert
from schemas.enums import AckOutcome, PillarKind, Reason
from tests.support.log_records import alive, ms
from tests.support.timeline import Timeline


def within(line: Timeline, from_s: float, to_s: float, **wanted: object) -> list[Alert]:
    """Alerts issued in [from_s, to_s] whose fields are as wanted; `topic` is the topic of the alert."""
    return [alert for alert in line.alerts if _is_in(alert, from_s, to_s) and _is_as(alert, wanted)]


def once(line: Timeline, from_s: float, to_s: float, **wanted: object) -> Alert:
    """Assert that there is exactly one such alert between the two seconds, and return it."""
    found = within(line, from_s, to_s, **wanted)
    assert len(found) == 1, (len(found), wanted, summary(line))
    return found[0]


def never(line: Timeline, from_s: float, to_s: float, **wanted: object) -> None:
    """Assert that there is no such alert between the two seconds."""
    assert not within(line, from_s, to_s, **wanted), (wanted, summary(line))


def summary(line: Timeline) -> list[str]:
    """All alerts in a short form, for the message of a failing test."""
    return [f"{at_s(alert):g}s {alert.hazard} {alert.action} {alert.reason}" for alert in line.alerts]


def at_s(alert: Alert) -> float:
    """When an alert was issued, seconds since the start of the time line."""
    return (alert.sent - ms(0)) / 1000


def result_of(decision: Decision) -> AckResult:
    """The answer to an acknowledgement."""
    assert decision.result is not None, decision.reason
    return decision.result


def rejected(decision: Decision) -> Reason:
    """Assert that an acknowledgement was rejected without any alert, and return the reason."""
    result = result_of(decision)
    assert (result.outcome, decision.alerts) == (AckOutcome.REJECTED, ()), result
    assert result.reason is decision.reason
    return result.reason


def restarted(line: Timeline) -> None:
    """Continue with the state of a snapshot, as another worker does that takes over."""
    line.state = load(dump(line.state))


def replayed(line: Timeline) -> list[Alert]:
    """The alerts that the same log gives when it is folded again."""
    state = new_state(line.state.partition, line.state.partitions)
    return [
        alert for given in line.entries for decision in fold(state, given)[1] for alert in decision.alerts
    ]


def watch(line: Timeline, from_s: int, to_s: int, *speaking: str, every_s: int = 10) -> None:
    """Push a watermark and a tick every second, and heartbeats of some devices every `every_s` seconds."""
    for second in range(from_s, to_s + 1):
        for device_id in speaking if second % every_s == 0 else ():
            line.pillar(PillarKind.HEARTBEAT, second, device_id)
        line.push(alive(second), at_s=second)
        line.tick(second)


def _is_in(alert: Alert, from_s: float, to_s: float) -> bool:
    return from_s <= at_s(alert) <= to_s


def _is_as(alert: Alert, wanted: dict[str, object]) -> bool:
    return all(
        (topic_for(alert) if name == "topic" else getattr(alert, name)) == value
        for name, value in wanted.items()
    )
