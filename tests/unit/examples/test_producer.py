"""The gateway to copy: what it writes, what it keeps until it is confirmed, and what it sends again."""

import ast
import io
import json
import sqlite3
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from schemas.codec import decode
from schemas.enums import PillarKind
from schemas.feeds import PillarEvent
from schemas.topics import PILLAR_EVENTS
from tests.support.paths import ROOT

FILE = ROOT / "examples" / "producer.py"
SCHEMA = ROOT / "schemas" / "avro" / "pillar_event.avsc"
SOURCE = FILE.read_text("utf-8")

PRESS = {"device_id": "pillar-07", "kind": "press"}


class Producer:
    """What the example needs of confluent-kafka's producer, with an uplink that is there, away, or refuses."""

    uplink = "there"

    def __init__(self, settings: dict[str, object]) -> None:
        self.settings = settings
        self.sent: list[tuple[str, bytes, bytes]] = []
        self._waiting: list[Any] = []

    def produce(self, topic: str, value: bytes, key: bytes, on_delivery: Any) -> None:
        self.sent.append((topic, value, key))
        self._waiting.append(on_delivery)

    def poll(self, _seconds: float) -> None:
        if self.uplink != "away":
            while self._waiting:
                self._waiting.pop(0)("refused" if self.uplink == "refuses" else None, None)

    def flush(self) -> int:
        self.poll(0)
        return len(self._waiting)


class Gateway:
    """The example's surroundings: its spool, which outlives it, and its uplink."""

    def __init__(self, spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._spool, self._monkeypatch = spool, monkeypatch
        self.producer = Producer({})

    def runs(
        self, *lines: object, uplink: str = "there", settings: tuple[str, ...] = ()
    ) -> list[PillarEvent]:
        """Start it, give it these lines, and let it end: what it has sent."""
        text = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
        arguments = ["producer.py", "kafka:9092", str(SCHEMA), str(self._spool), *settings]

        def make(found: dict[str, object]) -> Producer:
            self.producer = Producer(found)
            self.producer.uplink = uplink
            return self.producer

        module = cast("ModuleType", SimpleNamespace(Producer=make))
        with self._monkeypatch.context() as patched:
            patched.setattr(sys, "argv", arguments)
            patched.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))
            patched.setitem(sys.modules, "confluent_kafka", module)
            exec(compile(SOURCE, str(FILE), "exec"), {})
        return [decode(value, PillarEvent) for _, value, _ in self.producer.sent]

    @property
    def kept(self) -> list[bytes]:
        with sqlite3.connect(self._spool) as spool:
            return [record for (record,) in spool.execute("SELECT record FROM event ORDER BY number")]


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    return Gateway(tmp_path / "spool", monkeypatch)


def test_the_example_is_about_forty_lines_and_imports_nothing_of_callbox() -> None:
    assert sum(bool(line.strip()) for line in SOURCE.splitlines()) <= 45
    nodes = ast.walk(ast.parse(SOURCE))
    imported = {
        name.split(".")[0]
        for node in nodes
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
    }
    assert imported - set(sys.stdlib_module_names) == {"confluent_kafka", "fastavro"}


def test_a_press_and_a_heartbeat_are_what_the_workers_read(gateway: Gateway) -> None:
    press, heartbeat = gateway.runs(PRESS, {"device_id": "gateway-3", "kind": "heartbeat"})
    assert [(topic, key) for topic, _, key in gateway.producer.sent] == [
        (PILLAR_EVENTS, b"pillar-07"),
        (PILLAR_EVENTS, b"gateway-3"),
    ]
    assert (press.device_id, press.kind, press.event_id, press.active, press.exercise) == (
        "pillar-07",
        PillarKind.PRESS,
        None,
        True,
        False,
    )
    assert (heartbeat.device_id, heartbeat.kind) == ("gateway-3", PillarKind.HEARTBEAT)


def test_a_panel_without_a_time_has_that_of_the_receipt_and_one_with_a_time_keeps_it(
    gateway: Gateway,
) -> None:
    silent, null, dated = gateway.runs(
        PRESS, PRESS | {"occurred_at": None, "sequence": 4}, PRESS | {"occurred_at": 7, "received_at": 9}
    )
    assert silent.occurred_at == silent.received_at > 1_700_000_000_000
    assert (null.occurred_at, null.sequence) == (null.received_at, 4)
    assert dated.occurred_at == 7
    assert dated.received_at >= silent.received_at, "the gateway's clock, and never the panel's"


def test_what_is_confirmed_is_kept_no_longer(gateway: Gateway) -> None:
    assert len(gateway.runs(PRESS, PRESS)) == 2
    assert gateway.kept == []


def test_what_was_not_confirmed_is_sent_again_first_and_with_the_same_bytes(gateway: Gateway) -> None:
    earlier = gateway.runs(PRESS, PRESS | {"kind": "release"}, uplink="away")
    values = [value for _, value, _ in gateway.producer.sent]
    assert gateway.kept == values
    later = gateway.runs(PRESS | {"kind": "cancel"})
    assert [value for _, value, _ in gateway.producer.sent][:2] == values
    assert later[:2] == earlier
    assert later[2].kind is PillarKind.CANCEL
    assert gateway.kept == []


def test_what_the_broker_refuses_ends_the_gateway_and_is_kept(gateway: Gateway) -> None:
    with pytest.raises(RuntimeError, match="not confirmed: refused"):
        gateway.runs(PRESS, uplink="refuses")
    assert len(gateway.kept) == 1


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"\xff",
        b"7",
        {"device_id": "x"},
        {"kind": "press"},
        PRESS | {"kind": "x"},
        PRESS | {"occurred_at": "x"},
    ],
    ids=str,
)
def test_a_line_that_is_no_report_is_named_and_the_next_one_is_sent(
    gateway: Gateway, line: object, capsys: pytest.CaptureFixture[str]
) -> None:
    (sent,) = gateway.runs(line, PRESS)
    assert sent.kind is PillarKind.PRESS
    assert "no report: " in capsys.readouterr().err


def test_nothing_waits_nothing_is_given_up_and_order_is_kept(gateway: Gateway) -> None:
    gateway.runs(PRESS)
    assert gateway.producer.settings == {
        "bootstrap.servers": "kafka:9092",
        "enable.idempotence": True,
        "partitioner": "murmur2_random",
        "linger.ms": 0,
        "message.timeout.ms": 0,
        "queue.buffering.max.messages": 0,
    }


def test_a_setting_is_given_by_value_or_by_a_file_that_holds_it(gateway: Gateway, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("hush=hush\n", "utf-8")
    gateway.runs(PRESS, settings=("security.protocol=SASL_SSL", f"sasl.password=@{secret}"))
    assert gateway.producer.settings["security.protocol"] == "SASL_SSL"
    assert gateway.producer.settings["sasl.password"] == "hush=hush"
