"""Who is asked when nobody answers: tiers, reminders, what goes stale, what may end by itself (15, F5, F11, F16)."""

from collections.abc import Iterator

from schemas.alert import Alert
from schemas.enums import Grade, IncidentState, Reason, Status
from schemas.fusion_log import Tick
from tests.reference.drive import Entry
from tests.reference.limits import DAY, HOUR
from tests.reference.view import ANSWERED, ASKING, LEAP_MS, OVER, Incident, View, calls_again, is_press

S, R = IncidentState, Reason

SLACK_MS = 1_500
"""Ticks come once a second, and an append is milliseconds behind its writer."""

OVER_REMINDERS = 3
"""F16: reminders of what is over, before there is one a day."""

ESCALATIONS = (R.NOBODY_ACKNOWLEDGED, R.REJECTED_BY_UNIT)


class Timers:
    """Checks each alert that time has caused, and after each tick what time should have caused."""

    rule = "timer"

    def __init__(self) -> None:
        self._before_last = 0
        self._last = 0

    def check(self, entry: Entry, view: View) -> Iterator[str]:
        for alert in entry.alerts:
            if alert.sent > view.now + LEAP_MS and not view.clock.is_unsure:
                yield f"an alert is sent {(alert.sent - view.now) / 1000:g} s in the future (F11)"
            known = view.incidents.get(alert.incident_id)
            if known is not None:
                yield from self._alert(entry, alert, known, view)
        if len(entry.alerts) > 1:
            yield from _ends_and_asks(entry.alerts)

    def after(self, entry: Entry, view: View) -> Iterator[str]:
        """What is overdue after a tick. Two ticks must have come since it was due."""
        if not isinstance(entry.record, Tick):
            return
        self._before_last, self._last = self._last, view.now
        for known in view.incidents.values():
            if known.is_open and not known.is_unsure and known.status is not Status.TEST:
                yield from self._overdue(known, view)

    def _alert(self, entry: Entry, alert: Alert, known: Incident, view: View) -> Iterator[str]:
        is_by_person = alert.ack_id is not None
        if alert.reason in ESCALATIONS and not is_by_person:
            yield from _escalation(alert, known, view)
        if alert.reason is R.STILL_UNACKNOWLEDGED:
            yield from _reminder(known, view)
        if alert.reason is R.NO_PROGRESS and not known.is_unsure:
            stale_ms = view.limits.of_grade("stale_ms", known.grade)
            if known.state is not S.ACKED:
                yield f"no progress is told of an incident that is {known.state.value}"
            elif view.now - known.state_since < stale_ms - SLACK_MS:
                yield "an acknowledgement goes stale too early"
        if alert.state in ANSWERED and known.state not in ANSWERED and not is_by_person:
            yield f"is {alert.state.value} without anybody's answer ({alert.reason.value})"
        if calls_again(known, alert, entry) and alert.ack_by is None and is_press(entry.record):
            yield f"a new caller in an incident that is {known.state.value} asks for no answer: ack_by is null (F5)"
        if not alert.state.value.startswith("c") or alert.state in OVER:
            return
        yield from _end(alert, known, view)

    def _overdue(self, known: Incident, view: View) -> Iterator[str]:
        ticked = min(self._before_last, view.now)  # the tick before: what was due then is overdue now
        worked_until = max((view.covered_until(name) for _, name in known.devices), default=0)
        ack_ms = view.limits.of_grade("acknowledge_ms", known.grade)
        left = [link.tier.value for link in known.chain if link.tier.value not in known.tiers]
        is_asked = known.state in ASKING or known.is_pending
        if is_asked and left and known.asked_until is not None:
            due = known.asked_until + (0 if known.state is S.REJECTED else ack_ms)
            due = max(
                due, *(view.covered_until(name) for _, name in known.devices), 0
            )  # somebody works on it
            if ticked > due + SLACK_MS:
                known.is_unsure = True  # one violation is enough
                over_s = (ticked - due) / 1000
                yield f"nobody has answered for {over_s:g} s too long, and {left[0]} is not asked (15, F5)"
        notify_ms = view.limits.of_grade("notify_ms", known.grade)
        if (
            known.state in ASKING
            and not known.flapping
            and ticked > max(known.spoken_at, worked_until) + 2 * notify_ms + SLACK_MS
        ):
            known.is_unsure = True
            yield "no reminder comes while nobody has answered"
        for state, name in ((S.ACKED, "stale_ms"), (S.CLEARED, "resolve_ms")):
            limit = view.limits.of_grade(name, known.grade)
            if known.state is state and ticked > known.spoken_at + limit + SLACK_MS:
                known.is_unsure = True
                yield f"is {state.value} for longer than {name}"


def _escalation(alert: Alert, known: Incident, view: View) -> Iterator[str]:
    tier = alert.tier.value
    if known.state not in ASKING and not known.is_pending:
        yield f"the next tier is asked while the incident is {known.state.value}"
        return
    if tier in known.tiers:
        yield f"{tier} is asked twice (15)"
    if alert.reason is R.REJECTED_BY_UNIT or known.asked_from is None or known.is_unsure:
        return
    ack_ms = view.limits.of_grade("acknowledge_ms", known.grade)
    if view.now < known.asked_from + ack_ms - SLACK_MS:
        yield f"{tier} is asked {(known.asked_from + ack_ms - view.now) / 1000:g} s too early"


def _reminder(known: Incident, view: View) -> Iterator[str]:
    if known.state in ANSWERED and not known.is_pending:
        yield f"a reminder of an incident that is {known.state.value}"
    if known.flapping:
        yield "a reminder of what flaps (14)"
    told = known.over_reminders
    is_over = known.state is S.CLEARED_UNACKED and len(told) >= OVER_REMINDERS
    if is_over and view.now - told[-1] < DAY - HOUR:
        yield f"reminder {len(known.over_reminders) + 1} of what is over (F16)"


def _end(alert: Alert, known: Incident, view: View) -> Iterator[str]:
    """An end that no person has said."""
    if alert.ack_id is not None or alert.state not in (S.CLOSED, S.CANCELLED):
        return
    if alert.reason is R.EXPIRED:
        if view.clock.ticked_ms - known.spoken_ticked < view.limits.of("expire_after_ms") - SLACK_MS:
            yield "expires before its time (F11)"
    elif alert.reason is R.RESOLVED:
        since = view.now - known.state_since
        if known.state is not S.CLEARED:
            yield f"is resolved out of {known.state.value}"
        elif not known.is_unsure and since < view.limits.of_grade("resolve_ms", known.grade) - SLACK_MS:
            yield "is resolved too early"
    elif known.is_emergency and known.grade is Grade.RED:
        yield f"a red ends by itself: {alert.reason.value}"


def _ends_and_asks(alerts: tuple[Alert, ...]) -> Iterator[str]:
    asked = {alert.incident_id for alert in alerts if alert.reason in ESCALATIONS}
    if asked & {alert.incident_id for alert in alerts if alert.reason is R.EXPIRED}:
        yield "expires in the tick that asks the next tier (F11)"
