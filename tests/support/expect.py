"""What a time line must have said between two seconds, and what it must not.

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
from tests.support.timeline import Timeline, alive, ms


def within(line: Timeline, from_s: float, to_s: float, **wanted: object) -> list[Alert]:
    """Alerts sent in [from_s, to_s] whose fields are as wanted; `topic` is where they go."""
    return [alert for alert in line.alerts if _is_in(alert, from_s, to_s) and _is_as(alert, wanted)]


def once(line: Timeline, from_s: float, to_s: float, **wanted: object) -> Alert:
    """The one alert of that kind between the two seconds."""
    found = within(line, from_s, to_s, **wanted)
    assert len(found) == 1, (len(found), wanted, told(line))
    return found[0]


def never(line: Timeline, from_s: float, to_s: float, **wanted: object) -> None:
    """No such alert between the two seconds."""
    assert not within(line, from_s, to_s, **wanted), (wanted, told(line))


def told(line: Timeline) -> list[str]:
    """Everything that was said, for people to read when a test fails."""
    return [f"{at_s(alert):g}s {alert.hazard} {alert.action} {alert.reason}" for alert in line.alerts]


def at_s(alert: Alert) -> float:
    """When it was sent, seconds since the start of the time line."""
    return (alert.sent - ms(0)) / 1000


def result_of(decision: Decision) -> AckResult:
    """What somebody was answered."""
    assert decision.result is not None, decision.reason
    return decision.result


def rejected(decision: Decision) -> Reason:
    """Why somebody was refused: nothing goes out but the answer."""
    result = result_of(decision)
    assert (result.outcome, decision.alerts) == (AckOutcome.REJECTED, ()), result
    assert result.reason is decision.reason
    return result.reason


def restarted(line: Timeline) -> None:
    """Another worker takes over: all it has is the snapshot."""
    line.state = load(dump(line.state))


def replayed(line: Timeline) -> list[Alert]:
    """The alerts that the same log gives once more."""
    state = new_state(line.state.partition, line.state.partitions)
    return [
        alert for given in line.entries for decision in fold(state, given)[1] for alert in decision.alerts
    ]


def watch(line: Timeline, from_s: int, to_s: int, *speaking: str, every_s: int = 10) -> None:
    """Seconds in which the feed is read, a tick comes, and some devices speak."""
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
