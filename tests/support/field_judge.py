"""Whether a file's expectations hold: what is wrong is said in lines that a person can read, with seconds."""

from collections import Counter
from collections.abc import Iterator, Sequence

from processors.fold.snapshot_codec import dump, load
from processors.incident.issue import topic_for
from processors.state.partition_state import new_state
from schemas.alert import Alert
from schemas.codec import encode
from schemas.enums import IncidentState
from tests.support.field_file import Expectation, FieldFile, Wanted
from tests.support.field_inputs import place_of
from tests.support.field_run import Answered, FieldRun, published
from tests.support.log_records import ms

OVER = (IncidentState.CLOSED, IncidentState.CANCELLED)
TEN_MINUTES_S = 600
ABOUT_A_METRE = 0.00001  # degrees
MOST_LINES = 40
MOST_ANSWERS = 10

_PLAIN = (
    "hazard",
    "action",
    "reason",
    "state",
    "grade",
    "status",
    "zone",
    "tier",
    "responsible_unit",
    "late",
    "press_count",
    "note",
)
"""Fields of a wanted alert that are fields of an alert by the same name."""


def problems_of(run: FieldRun) -> list[str]:
    """Everything that is not as the file says, and then what came; empty where all holds."""
    labels: dict[str, str] = {}
    found = [line for wanted in run.file.expect for line in _expected(run, wanted, labels)]
    found += [line for wanted in run.file.never for line in _unwanted(run, wanted, labels)]
    found += _few([line for answered in run.acks for line in _unanswered(answered)])
    found += _still_open(run)
    found += _laws(run)
    return found and [*found, "What came:", *what_came(run)]


def _few(lines: list[str]) -> list[str]:
    if len(lines) <= MOST_ANSWERS:
        return lines
    return [*lines[:MOST_ANSWERS], f"… and {len(lines) - MOST_ANSWERS} more acknowledgements"]


def what_came(run: FieldRun) -> list[str]:
    """Each alert and answer in a short form; of many only the first and the last."""
    lines = [
        f"  {at:g}s {alert.incident_id[-4:]} r{alert.revision} {alert.hazard} {alert.action} {alert.reason} "
        f"{alert.state} {alert.grade} {'+'.join(dict.fromkeys(s.device_id for s in alert.sources[:4]))}"
        for at, alert in run.alerts
    ]
    lines += [
        f"  {answered.at:g}s ack {answered.ack.action} of {answered.incident_id[-4:]}: "
        f"{result.outcome} {result.reason}"
        for answered in run.acks[:MOST_LINES]
        for result in answered.results
    ]
    if len(lines) <= 2 * MOST_LINES:
        return lines
    left_out = f"  … {len(lines) - 2 * MOST_LINES} more …"
    return [*lines[:MOST_LINES], left_out, *lines[-MOST_LINES:]]


def is_equal_from_a_snapshot(run: FieldRun) -> bool:
    """Whether each log publishes the same bytes where another worker takes over in its middle."""
    for first, log, sent in zip(run.states, run.logs, run.published, strict=True):
        half = len(log) // 2
        state = new_state(first.partition, first.partitions)
        cut = published(state, log[:half])
        cut += published(load(dump(state)), log[half:])
        if cut != sent:
            return False
    return True


def _matching(run: FieldRun, wanted: Wanted, labels: dict[str, str]) -> list[tuple[float, Alert]]:
    return [
        (at, alert)
        for at, alert in run.alerts
        if wanted.from_ <= at <= wanted.to and _is_as(run.file, alert, wanted, labels)
    ]


def _is_as(file: FieldFile, alert: Alert, wanted: Wanted, labels: dict[str, str]) -> bool:
    if not all(_is_one_of(getattr(alert, name), getattr(wanted, name)) for name in _PLAIN):
        return False
    text = next(text for text in alert.texts if text.lang == "en")
    words = f"{text.headline} {text.description}"
    has = {alert.incident_id, *alert.related_incidents}
    return (
        (wanted.topic is None or topic_for(alert) == wanted.topic)
        and (wanted.device is None or any(source.device_id == wanted.device for source in alert.sources))
        and all(name in words for name in wanted.names)
        and (wanted.position_of is None or _stands_at(file, alert, wanted.position_of))
        and (wanted.same_incident_as is None or alert.incident_id == labels.get(wanted.same_incident_as))
        and (
            wanted.other_incident_than is None or alert.incident_id != labels.get(wanted.other_incident_than)
        )
        and (wanted.related_to is None or labels.get(wanted.related_to) in has - {alert.incident_id})
        and (wanted.not_related_to is None or labels.get(wanted.not_related_to) not in has)
    )


def _is_one_of(value: object, wanted: object) -> bool:
    return wanted is None or value == wanted or (isinstance(wanted, tuple) and value in wanted)


def _stands_at(file: FieldFile, alert: Alert, device_id: str) -> bool:
    last = [device for device in file.device if device.id == device_id][-1]
    lat, lon = place_of(last)
    at = alert.position
    return at is not None and abs(at.lat - lat) < ABOUT_A_METRE and abs(at.lon - lon) < ABOUT_A_METRE


def _expected(run: FieldRun, wanted: Expectation, labels: dict[str, str]) -> Iterator[str]:
    found = _matching(run, wanted, labels)
    if wanted.label is not None:
        labels[wanted.label] = found[0][1].incident_id if found else "(none)"
    few, many = _bounds(wanted)
    incidents = len({alert.incident_id for _, alert in found})
    if not few <= len(found) <= many:
        wish = f"{few}" if few == many else f"{few} to {many}" if many < 10**9 else f"at least {few}"
        yield f"{len(found)} alerts in place of {wish}: {_said(wanted)}"
    if wanted.incidents is not None and incidents != wanted.incidents:
        yield f"{incidents} incidents in place of {wanted.incidents}: {_said(wanted)}"
    if wanted.most_incidents is not None and incidents > wanted.most_incidents:
        yield f"{incidents} incidents, at most {wanted.most_incidents}: {_said(wanted)}"
    if wanted.ack_by is not None and any(
        (alert.ack_by is not None) is not wanted.ack_by for _, alert in found
    ):
        yield f"ack_by is {'missing' if wanted.ack_by else 'set'}: {_said(wanted)}"
    if wanted.most_in_10_min is not None:
        worst = worst_ten_minutes([at for at, _ in found])
        if worst > wanted.most_in_10_min:
            yield f"{worst} alerts in ten minutes, at most {wanted.most_in_10_min}: {_said(wanted)}"
    if wanted.most_at_once is not None:
        worst = max(Counter(int(at) for at, _ in found).values(), default=0)
        if worst > wanted.most_at_once:
            yield f"{worst} alerts in one second, at most {wanted.most_at_once}: {_said(wanted)}"


def worst_ten_minutes(times: Sequence[float]) -> int:
    """The most of these seconds, which rise, that lie in one span of ten minutes."""
    worst = start = 0
    for end, at in enumerate(times):
        while at - times[start] >= TEN_MINUTES_S:
            start += 1
        worst = max(worst, end - start + 1)
    return worst


def _bounds(wanted: Expectation) -> tuple[int, int]:
    if wanted.count is not None:
        return wanted.count, wanted.count
    most = (wanted.at_most, wanted.most_in_10_min, wanted.most_at_once, wanted.most_incidents)
    only_most = any(limit is not None for limit in most)
    few = wanted.at_least if wanted.at_least is not None else 0 if only_most else 1
    return few, 10**9 if wanted.at_most is None else wanted.at_most


def _unwanted(run: FieldRun, wanted: Wanted, labels: dict[str, str]) -> Iterator[str]:
    found = _matching(run, wanted, labels)
    if found:
        yield f"{len(found)} alerts that must never come, the first at {found[0][0]:g} s: {_said(wanted)}"


def _said(wanted: Wanted) -> str:
    names = [name for name in wanted.__struct_fields__ if name not in {"from_", "to"}]
    values = {name: value for name in names if (value := getattr(wanted, name)) not in {None, ()}}
    said = [
        f"{name}={'|'.join(value) if isinstance(value, tuple) else value}" for name, value in values.items()
    ]
    return f"[{wanted.from_:g}, {wanted.to:g}] s {' '.join(said)}"


def _unanswered(answered: Answered) -> Iterator[str]:
    ack, results = answered.ack, answered.results
    name = f"{answered.at:g} s: {ack.action} of {answered.incident_id} ({answered.ack_id})"
    if len(results) != (0 if ack.silent else 1):
        yield f"{name}: {len(results)} answers in place of {'none' if ack.silent else 'one'}"
    for result in results:
        if ack.answer is not None and result.outcome is not ack.answer:
            yield f"{name}: {result.outcome} ({result.reason}) in place of {ack.answer}"
        elif ack.because is not None and result.reason is not ack.because:
            yield f"{name}: {result.outcome} because {result.reason} in place of {ack.because}"


def _still_open(run: FieldRun) -> Iterator[str]:
    """Compare with what is open as far as anybody has been told."""
    latest: dict[str, Alert] = {}
    for _, alert in run.alerts:
        if alert.incident_id not in latest or alert.revision >= latest[alert.incident_id].revision:
            latest[alert.incident_id] = alert
    hazards = [alert.hazard.value for alert in latest.values() if alert.state not in OVER]
    for name, wanted in run.file.open.items():
        count = len(hazards) if name == "all" else hazards.count(name)
        if count != wanted:
            yield f"{count} incidents are open at the end in place of {wanted}: {name}"


def _laws(run: FieldRun) -> Iterator[str]:
    """What holds for every log: no error of the fold, ids that name one thing, revisions that rise by one."""
    for at, decision in run.failures:
        yield f"{at:g} s: {decision.reason} {decision.detail or ''} {decision.event_id}"
    contents: dict[str, bytes] = {}
    revisions: dict[str, int] = {}
    for at, alert in run.alerts:
        if contents.setdefault(alert.alert_id, encode(alert)) != encode(alert):
            yield f"{at:g} s: alert_id {alert.alert_id} names two contents (F3)"
        if alert.revision != revisions.get(alert.incident_id, 0) + 1:
            before = revisions.get(alert.incident_id, 0)
            yield f"{at:g} s: revision {alert.revision} of {alert.incident_id} after {before}"
        revisions[alert.incident_id] = alert.revision
        if at > 0 and alert.sent < ms(0):
            yield f"{at:g} s: sent before the start"
