"""The traffic of the long run: heartbeats of a county's pillars, presses among them, and an answer to every incident.

press ─► raise ─► accept, at once ─► clear ─► close
   └───────────── the pillar is pressed again only much later, so that the number of open incidents stays the same
"""

import argparse
import json
import threading
import time
from collections import deque
from pathlib import Path

import msgspec
from confluent_kafka import OFFSET_END, Consumer, Producer, TopicPartition

from benchmarks.support.open_loop import pillar_id
from benchmarks.support.registry_load import pillar
from processors.incident.press_latency import first_named_press
from schemas.ack import Acknowledgement, Actor
from schemas.alert import Alert
from schemas.codec import decode, encode
from schemas.enums import AckAction, Action, Disposition, PillarKind
from schemas.feeds import PillarEvent
from schemas.registry import RegistryDevice
from schemas.topics import ACKS, ALERTS, PILLAR_EVENTS
from schemas.units import EpochMs

PILLARS = 5_000
HEARTBEAT_S = 60
STEPS_S = {AckAction.ACCEPT: 0.0, AckAction.CLEAR: 5.0, AckAction.CLOSE: 10.0}
"""Acknowledgements of each incident, and how long after its raise they are sent."""

ACTOR = Actor(name="long run", organisation="bench")


def supervised(number: int) -> RegistryDevice:
    """A pillar that is supervised by heartbeats and does not report the release of its button."""
    return msgspec.structs.replace(pillar(number), heartbeat_s=HEARTBEAT_S, reports_release=False)


def event(index: int, at_s: float, press_every: int) -> PillarEvent:
    """The event at an index of the feed: every `press_every`-th is a press; pillars take turns at both kinds."""
    at = EpochMs(round(at_s * 1000))
    press, rest = divmod(index, press_every)
    is_press = rest == 0
    return PillarEvent(
        device_id=pillar_id((press if is_press else index) % PILLARS),
        kind=PillarKind.PRESS if is_press else PillarKind.HEARTBEAT,
        occurred_at=at,
        received_at=at,
        event_id=f"press-{press}" if is_press else f"beat-{index}",
    )


def answer(incident_id: str, action: AckAction, at_s: float, revision: int = 1) -> Acknowledgement:
    """An acknowledgement that the bench sends."""
    return Acknowledgement(
        ack_id=f"{incident_id}-{action}",
        incident_id=incident_id,
        action=action,
        actor=ACTOR,
        at=EpochMs(round(at_s * 1000)),
        revision=revision,
        disposition=Disposition.FOUNDED if action is AckAction.CLOSE else None,
    )


class Answers:
    """Notes when the first alert of each press arrives, and answers each incident.

    Attributes:
        named_at: When the first red alert that names a press arrived, seconds, by event id.
        said: How many acknowledgements were sent.
    """

    def __init__(self, bootstrap: str) -> None:
        self.named_at: dict[str, float] = {}
        self.said = 0
        self._due: dict[AckAction, deque[tuple[float, str]]] = {action: deque() for action in STEPS_S}
        self._revisions: dict[str, int] = {}
        """The latest of each incident that is not over."""
        self._stopping = threading.Event()
        self._producer = _producer(bootstrap)
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": "long-run", "enable.auto.commit": False}
        )
        partitions = self._consumer.list_topics(ALERTS, timeout=10).topics[ALERTS].partitions
        self._consumer.assign([TopicPartition(ALERTS, number, OFFSET_END) for number in partitions])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop."""
        self._stopping.set()
        self._thread.join(10)
        self._producer.flush(10)
        self._consumer.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            for message in self._consumer.consume(500, 0.02):
                if message.error() is None:
                    self._note(decode(message.value(), Alert), time.time())
            self._say(time.time())
            self._producer.poll(0)

    def _note(self, alert: Alert, at: float) -> None:
        self._revisions[alert.incident_id] = max(alert.revision, self._revisions.get(alert.incident_id, 0))
        if alert.action is Action.CLOSE:
            del self._revisions[alert.incident_id]
        press = first_named_press(alert)
        if press is None or press.event_id in self.named_at:
            return
        self.named_at[press.event_id] = at
        if alert.action is not Action.RAISE:
            return
        for action, after_s in STEPS_S.items():
            self._due[action].append((at + after_s, alert.incident_id))

    def _say(self, now: float) -> None:
        for action, waiting in self._due.items():
            while waiting and waiting[0][0] <= now:
                _, incident_id = waiting.popleft()
                said = answer(incident_id, action, now, self._revisions.get(incident_id, 1))
                self._producer.produce(ACKS, encode(said), incident_id)
                self.said += 1


def send(bootstrap: str, rate: int, press_every: int, seconds: float, out: Path) -> None:
    """Send on schedule; write when each press was due, and which of them the broker took."""
    producer = _producer(bootstrap)
    producer.list_topics(PILLAR_EVENTS)
    scheduled: dict[str, float] = {}
    failed = 0

    def delivered(error: object, _message: object) -> None:
        nonlocal failed
        failed += error is not None

    began = time.time() + 0.5
    for index in range(int(rate * seconds)):
        due = began + index / rate
        while (wait := due - time.time()) > 0:
            producer.poll(min(wait, 0.002))
        one = event(index, due, press_every)
        if one.kind is PillarKind.PRESS and one.event_id is not None:
            scheduled[one.event_id] = due
        producer.produce(PILLAR_EVENTS, encode(one), one.device_id, on_delivery=delivered)
    producer.flush(60)
    late_s = time.time() - began - seconds
    out.write_text(json.dumps({"scheduled": scheduled, "failed": failed, "late_s": round(late_s, 2)}))


def _producer(bootstrap: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": bootstrap,
            "acks": "all",
            "enable.idempotence": True,
            "linger.ms": 2,
            "partitioner": "murmur2_random",
        }
    )


def _main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("bootstrap")
    parser.add_argument("--rate", type=int, required=True)
    parser.add_argument("--press-every", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    send(given.bootstrap, given.rate, given.press_every, given.seconds, given.out)


if __name__ == "__main__":
    _main()
