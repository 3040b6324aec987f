"""python producer.py HOST:PORT pillar_event.avsc SPOOL [NAME=VALUE or NAME=@FILE of librdkafka ...]: a gateway.

Each line of its input is one report of a device, heartbeats too: {"device_id": "pillar-07", "kind": "press"}.
"""  # noqa: INP001 - a file to copy, no package

import io
import json
import sqlite3
import sys
import time
from pathlib import Path

import fastavro
from confluent_kafka import Producer
from fastavro.schema import fingerprint, to_parsing_canonical_form

bootstrap, schema_file, spool_file, *settings = sys.argv[1:]
schema = fastavro.parse_schema(json.loads(Path(schema_file).read_text("utf-8")))
header = bytes.fromhex("c301" + fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))
usual = {"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True}
usual |= {"linger.ms": 0, "message.timeout.ms": 0, "queue.buffering.max.messages": 0}  # no wait, no end
for name, value in (pair.split("=", 1) for pair in settings):
    usual[name] = Path(value[1:]).read_text("utf-8").strip() if value.startswith("@") else value
producer = Producer(usual)
spool = sqlite3.connect(spool_file, isolation_level=None)  # holds each event until it is confirmed
spool.execute("CREATE TABLE IF NOT EXISTS event (number INTEGER PRIMARY KEY, device BLOB, record BLOB)")


def send(number: int, device: bytes, record: bytes) -> None:
    """Send an event of the spool; one that is sent again has the bytes that it had."""

    def confirmed(error: object, _message: object) -> None:
        if error:
            raise RuntimeError(f"not confirmed: {error}; it is sent again at the next start")
        spool.execute("DELETE FROM event WHERE number = ?", (number,))

    producer.produce("alarm.pillar-event.v1", record, device, on_delivery=confirmed)


for unconfirmed in spool.execute("SELECT * FROM event ORDER BY number").fetchall():
    send(*unconfirmed)
for line in sys.stdin.buffer:
    received_at, body = int(time.time() * 1000), io.BytesIO()  # noqa: TID251 - a gateway has its own clock
    try:
        known = {name: value for name, value in json.loads(line).items() if value is not None}
        event = {"occurred_at": received_at} | known | {"received_at": received_at}
        fastavro.schemaless_writer(body, schema, event)
        row = (event["device_id"].encode(), header + body.getvalue())
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        print(f"no report: {line!r}: {error!r}", file=sys.stderr)  # noqa: T201 - somebody must look
        continue
    send(spool.execute("INSERT INTO event (device, record) VALUES (?, ?)", row).lastrowid, *row)
    producer.poll(0)
producer.flush()
