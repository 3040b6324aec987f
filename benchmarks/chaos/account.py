"""The account of a chaos run: what was pressed, what came out, and what a replay makes of the log.

A press is lost when the broker took it and no alert names it. A repeat is wrong when no consumer can recognise it: one
press raised under two incident ids, or one alert id with two contents. No operator acknowledges during a run, so every
incident of a press must escalate to every tier of its chain, once each.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import Action
from schemas.topics import ACK_RESULTS
from streams.replay.refold import Alerts, differences, repeats

PREFIX = "press-"


class Account(NamedTuple):
    """The figures; the names are the keys in the JSON of the bench."""

    lost: int
    repeats: int
    wrong_repeats: int
    escalations_missing: int
    escalations_doubled: int
    replay_differences: int
    questions_lost: int = 0
    questions_wrong: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether there is no damage; repeats that can be recognised are none."""
        return self._replace(repeats=0) == Account(0, 0, 0, 0, 0, 0)


def account(taken: Collection[str], live: Alerts, folded: Alerts) -> Account:
    """Compare the presses, the alerts and a replay of the log.

    Args:
        taken: Event ids of the presses that the broker took.
        live: What went out, by topic.
        folded: What the log gives when it is folded again.
    """
    alerts = decoded(live)
    named = {source.event_id for alert in alerts for source in alert.sources}
    missing, doubled = escalations(alerts)
    wanted_missing, _ = escalations(alerts, wanted=decoded(folded))
    return Account(
        lost=len(set(taken) - named),
        repeats=repeats(live),
        wrong_repeats=wrong_repeats(live),
        escalations_missing=max(missing, wanted_missing),
        escalations_doubled=doubled,
        replay_differences=len(differences(folded, live)),
    )


def decoded(payloads: Alerts) -> list[Alert]:
    """Every alert; results of acknowledgements are left out."""
    return [
        decode(value, Alert) for topic, values in payloads.items() if topic != ACK_RESULTS for value in values
    ]


def wrong_repeats(live: Alerts) -> int:
    """Presses raised under two incident ids, and alert ids with two contents."""
    incidents: dict[str, set[str]] = defaultdict(set)
    contents: dict[str, set[bytes]] = defaultdict(set)
    for topic, values in live.items():
        if topic == ACK_RESULTS:
            continue
        for value in values:
            alert = decode(value, Alert)
            contents[alert.alert_id].add(value)
            if alert.action is Action.RAISE:
                for press in presses_of(alert):
                    incidents[press].add(alert.incident_id)
    two_incidents = sum(len(found) > 1 for found in incidents.values())
    return two_incidents + sum(len(found) > 1 for found in contents.values())


def escalations(alerts: Iterable[Alert], wanted: Sequence[Alert] | None = None) -> tuple[int, int]:
    """Escalations that are missing, and those that are there under a second alert id.

    Args:
        alerts: What went out.
        wanted: The alerts whose incidents must have escalated; None: `alerts` themselves.
    """
    alerts = list(alerts)
    due = {
        (alert.incident_id, link.tier)
        for alert in (alerts if wanted is None else wanted)
        if alert.action is Action.RAISE and any(presses_of(alert))
        for link in alert.chain[1:]
    }
    escalated: dict[tuple[str, str], set[str]] = defaultdict(set)
    for alert in alerts:
        if alert.action is Action.ESCALATE:
            escalated[alert.incident_id, alert.tier].add(alert.alert_id)
    return sum(key not in escalated for key in due), sum(len(ids) - 1 for ids in escalated.values())


def presses_of(alert: Alert) -> Iterable[str]:
    """The presses that an alert names."""
    return (source.event_id for source in alert.sources if source.event_id.startswith(PREFIX))


def gaps(pressed_at: Mapping[str, float], arrived_at: Mapping[str, float]) -> dict[str, float]:
    """From a press to its first alert, milliseconds, for those that have one."""
    return {press: 1000 * (arrived_at[press] - at) for press, at in pressed_at.items() if press in arrived_at}


def quantiles(values: Collection[float]) -> dict[str, Any]:
    """p50, p99 and the largest, or nulls."""
    if not values:
        return {"gap_ms_p50": None, "gap_ms_p99": None, "gap_ms_max": None}
    p50, p99, most = np.quantile(list(values), [0.5, 0.99, 1.0])
    return {
        "gap_ms_p50": round(float(p50), 1),
        "gap_ms_p99": round(float(p99), 1),
        "gap_ms_max": round(float(most), 1),
    }
