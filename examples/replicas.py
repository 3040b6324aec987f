"""python replicas.py HOST:PORT alert.avsc [NAME=VALUE of librdkafka ...]: alerts of two replicas, each printed once.

Two contents under one alert id are an error that names the id; the first one counts, and reading goes on: the next
alert may be a person who asks for help. Copy once.py beside this file.
"""  # noqa: INP001 - a file to copy, no package

import io
import json
import sys
import time
from pathlib import Path
from typing import Any

import fastavro
from confluent_kafka import Consumer
from fastavro.schema import fingerprint, to_parsing_canonical_form
from once import Once, Sight

HEADER = 10  # bytes: C3 01 and the fingerprint of the writer's schema


def readers(today: Path) -> tuple[Any, dict[bytes, Any]]:
    """Today's schema, and each writer's by the header that its records begin with."""
    writers = {}
    parsed = None
    for path in (*today.parent.glob(f"earlier/{today.stem}-*.avsc"), today):
        parsed = fastavro.parse_schema(json.loads(path.read_text("utf-8")))
        print_of = fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO")
        writers[bytes.fromhex("c301" + print_of)] = parsed
    return parsed, writers


def main(bootstrap: str, schema: Path, settings: list[str]) -> None:
    """Read until killed."""
    today, writers = readers(schema)
    usual = {"group.id": "dispatch-replicas", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    usual |= dict(pair.split("=", 1) for pair in settings)
    consumer = Consumer({"bootstrap.servers": bootstrap} | usual)
    consumer.subscribe(["dispatch.alert.v1"])
    once = Once()
    while True:
        message = consumer.poll(1.0)
        if message is None or message.error():
            continue
        value = message.value() or b""
        if (header := value[:HEADER]) not in writers:
            sys.exit(f"written with another schema: {header[2:].hex()}")
        alert: Any = fastavro.schemaless_reader(io.BytesIO(value[HEADER:]), writers[header], today)
        sight = once.see(alert["alert_id"], value, time.monotonic())
        if sight is Sight.NEW:
            print(json.dumps(alert, default=str, ensure_ascii=False), flush=True)  # noqa: T201 - act on it here
        elif sight is Sight.CONFLICT:
            print(f"two contents under one id: {alert['alert_id']}", file=sys.stderr, flush=True)  # noqa: T201
        consumer.commit(message=message, asynchronous=False)  # only now: what was not handled comes again


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), sys.argv[3:])
