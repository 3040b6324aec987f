"""Stream time: the clock of the fold, made from the append times of the log and the clocks of those who write it.

    append time a little ahead ─────────────────────► stream time follows it
    append time far ahead, a second clock agrees ───► stream time leaps as far as both clocks have come
    append time far ahead, no second clock agrees ──► stream time goes on at the pace of the ticks
    a tick whose two clocks are both behind ────────► stream time is set right again

A single record with a wrong append time therefore neither ends, escalates nor delays anything (docs/requirements.md,
F11). A second clock is the writer's in a tick or a watermark, the gateway's in a report of a device, and the sender's
in an acknowledgement. Ticks of before 0.5.0 carry no clock of their own; their append time is believed.
"""

from heapq import heapify, heappush

from msgspec.structs import replace

from processors.fold.log_entry import LogEntry
from processors.incident.lifecycle import DUE
from processors.incident.site import site_hold_ms
from processors.incident.supervision import next_test
from processors.state.entities import Incident, Timer
from processors.state.partition_state import State
from processors.state.policy import FusionPolicy
from processors.state.times import LATEST_MS
from schemas.ack import AckFact
from schemas.fusion_log import (
    CameraAlive,
    DeadLetterNotice,
    ExerciseNotice,
    FeedBrokenNotice,
    FeedWatermark,
    LogBrokenNotice,
    Observation,
    PillarFact,
    Tick,
)
from schemas.units import MINUTE_MS, SECOND_MS, EpochMs

LEAP_MS = 5 * MINUTE_MS
"""Stream time moves this far without a second clock (docs/requirements.md, F11)."""

PACE_MS = 10 * SECOND_MS
"""Ticks come once a second. A tick may move stream time this far by its append time alone, and stream time is set
right by ticks that are further behind it: two brokers with clocks kept by NTP differ by milliseconds."""

HOLE_MS = 30 * SECOND_MS
"""Ticks that are missing for longer are a hole: nobody was told anything then (docs/requirements.md, F7)."""


def advance_time(state: State, entry: LogEntry, record: object) -> None:
    """Move stream time to where an entry shows it to be.

    Args:
        state: Changed in place.
        entry: The entry.
        record: The record that it carries; None where it could not be read.
    """
    append = entry.append_ms
    if type(record) is Tick:
        if append <= LATEST_MS:
            _follow_tick(state, append, record)
    elif append - state.now <= PACE_MS:
        state.now = max(append, state.now)
    elif append <= LATEST_MS:
        clock = _second_clock(record)
        if not state.now or (clock is None and append - state.now <= LEAP_MS):
            state.now = append
        elif clock is not None:
            state.now = append if append - clock <= PACE_MS else max(state.now, clock)


def _follow_tick(state: State, append: EpochMs, tick: Tick) -> None:
    now = state.now
    if tick.at is None:
        state.now = max(now, append)
        return
    both = min(append, tick.at)
    if max(append, tick.at) < now - PACE_MS:
        _set_right(state, max(append, tick.at))
    elif append - now <= PACE_MS or not now:
        state.now = max(now, append)
    elif both > now + PACE_MS:
        state.now = both
    elif tick.number > state.tick and 0 < append - state.tick_append <= PACE_MS:
        state.now = EpochMs(now + append - state.tick_append)


def note_hole(state: State) -> None:
    """Note, after a tick has moved stream time, that no tick came for a while: nobody was told anything meanwhile.

    What silence proves is judged anew from here on (F7), and no incident has come nearer to its expiry (F11).
    """
    gap_ms = state.now - state.ticked_at
    if gap_ms <= HOLE_MS:
        return
    if not state.ticked_at:  # before the first tick of a log there was none to be missed
        return
    state.heard_since = state.now
    if gap_ms <= LEAP_MS:
        return
    for incident_id, incident in state.incidents.items():
        touched_at = max(incident.last_at, incident.told_at or 0, state.ticked_at)
        later = EpochMs(incident.expires_at + max(0, state.now - touched_at))
        state.incidents[incident_id] = replace(incident, expires_at=later)


def _second_clock(record: object) -> EpochMs | None:
    """What a clock other than the broker's said when the record was written; None where the record carries none."""
    if isinstance(record, PillarFact):
        return None if record.clock_suspect else record.received_at
    if isinstance(record, Observation | CameraAlive):
        return record.received_at
    with_clock = (
        FeedWatermark | AckFact | DeadLetterNotice | LogBrokenNotice | FeedBrokenNotice | ExerciseNotice
    )
    return record.at if isinstance(record, with_clock) else None


def _set_right(state: State, now: EpochMs) -> None:
    """Set stream time back: it had followed a wrong append time. What was counted from then is counted from now."""
    ahead_ms = state.now - now
    state.now = now
    for incident_id, incident in state.incidents.items():
        if max(incident.last_at, incident.told_at or 0) > now:
            shifted = _shifted(incident, now, ahead_ms, state.policy)
            state.incidents[incident_id] = shifted
            for kind, due_of in DUE.items():
                if (due := due_of(shifted)) is not None:
                    heappush(state.timers, Timer(due, incident_id, kind))
    for key, report in state.last_reports.items():
        if report.at > now:
            state.last_reports[key] = replace(report, at=now)
    for key, device in state.devices.items():
        if max(device.since, device.closed_at or 0, device.press_seen_at or 0) > now:
            state.devices[key] = replace(
                device,
                since=min(device.since, now),
                closed_at=_at_most(device.closed_at, now),
                press_seen_at=_at_most(device.press_seen_at, now),
            )
    for mark_key, mark in state.watermarks.items():
        at_most = replace(mark, reported_at=min(mark.reported_at, now), since=min(mark.since, now))
        state.watermarks[mark_key] = at_most
    state.heard = {topic: (min(since, now), min(until, now)) for topic, (since, until) in state.heard.items()}
    state.heard_since = min(state.heard_since, now)
    state.ticked_at = min(state.ticked_at, now)
    _set_waiting_right(state, now)
    _check_again(state, now)


def _set_waiting_right(state: State, now: EpochMs) -> None:
    """Count anew what cannot be as far ahead as it says: tests, sites that come back, areas, feeds, closed faults."""
    for key, device in state.devices.items():
        test_due, settles_at = device.test_due, device.settles_at
        if test_due is not None and test_due > (latest := next_test(device, now) or test_due):
            test_due = latest
        if settles_at is not None:
            settles_at = min(settles_at, EpochMs(now + site_hold_ms(device, device)))
        if (test_due, settles_at) != (device.test_due, device.settles_at):
            state.devices[key] = replace(device, test_due=test_due, settles_at=settles_at)
    for area_key, area in state.areas.items():
        recent = tuple((min(at, now), name, count) for at, name, count in area.recent)
        state.areas[area_key] = replace(area, recent=recent, judged_at=min(area.judged_at, now))
    for topic, since in state.expected.items():
        state.expected[topic] = min(since, now)
    for fault, closed in state.closed_faults.items():
        again_at = min(closed.again_at, EpochMs(now + state.policy.still_there_ms))
        state.closed_faults[fault] = replace(closed, again_at=again_at)


def _check_again(state: State, now: EpochMs) -> None:
    """Check with the next tick what devices, feeds and zones wait for: the heap says when, in the wrong time."""
    others = {(timer.subject, timer.kind) for timer in state.timers if timer.kind not in DUE}
    state.timers[:] = [
        *(timer for timer in state.timers if timer.kind in DUE),
        *(Timer(now, subject, kind) for subject, kind in sorted(others)),
    ]
    heapify(state.timers)


def _shifted(incident: Incident, now: EpochMs, ahead_ms: int, policy: FusionPolicy) -> Incident:
    grade = incident.grade
    longest_ms = {
        "ack_by": policy.acknowledge_ms.of(grade),
        "escalate_at": policy.acknowledge_ms.of(grade),
        "notify_at": policy.more_records_ms if incident.untold else policy.notify_ms.of(grade),
        "stale_at": policy.stale_ms.of(grade),
        "resolve_at": policy.resolve_ms.of(grade),
        "calm_at": 0,
        "shelved_until": 0,
    }
    # A time that may have been set before the wrong append time is left as it is.
    due = {
        name: EpochMs(value - ahead_ms)
        for name, longest in longest_ms.items()
        if (value := getattr(incident, name)) is not None and value > now + longest
    }
    is_put_away = incident.shelved_until is not None
    is_wrong = is_put_away or incident.expires_at > now + policy.expire_after_ms
    return replace(
        incident,
        first_at=min(incident.first_at, now),
        last_at=min(incident.last_at, now),
        told_at=_at_most(incident.told_at, now),
        expires_at=EpochMs(incident.expires_at - ahead_ms) if is_wrong else incident.expires_at,
        hold_until=incident.hold_until if incident.is_planned else _earlier(incident.hold_until, ahead_ms),
        **due,
    )


def _earlier(value: EpochMs | None, by_ms: int) -> EpochMs | None:
    return None if value is None else EpochMs(value - by_ms)


def _at_most(value: EpochMs | None, now: EpochMs) -> EpochMs | None:
    return None if value is None else min(value, now)
