"""python consumer.py HOST:PORT alert.avsc [NAME=VALUE of librdkafka ...]: print each alert once, newest state last."""  # noqa: INP001 - a file to copy, no package

import io
import json
import sys
from pathlib import Path

import fastavro
from confluent_kafka import Consumer
from fastavro.schema import fingerprint, to_parsing_canonical_form

bootstrap, today, writers, settings = sys.argv[1], Path(sys.argv[2]), {}, sys.argv[3:]
for path in (*today.parent.glob(f"earlier/{today.stem}-*.avsc"), today):
    parsed = fastavro.parse_schema(json.loads(path.read_text("utf-8")))
    writers["c301" + fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO")] = parsed
usual = {"group.id": "dispatch-example", "auto.offset.reset": "earliest", "enable.auto.commit": False}
usual |= dict(pair.split("=", 1) for pair in settings)
consumer = Consumer({"bootstrap.servers": bootstrap} | usual)
consumer.subscribe(["dispatch.alert.v1"])
seen, newest = set(), {}  # alert ids; revision by incident: keep both where they outlive a restart
while True:
    message = consumer.poll(1.0)
    if message is None or message.error():
        continue
    if (header := message.value()[:10].hex()) not in writers:
        sys.exit(f"written with another schema: {header[4:]}")
    alert = fastavro.schemaless_reader(io.BytesIO(message.value()[10:]), writers[header], parsed)
    is_older = alert["revision"] < newest.get(alert["incident_id"], 0)
    if alert["alert_id"] not in seen and not is_older:
        print(json.dumps(alert, default=str, ensure_ascii=False), flush=True)  # noqa: T201 - act on it here
    seen.add(alert["alert_id"])
    newest[alert["incident_id"]] = max(alert["revision"], newest.get(alert["incident_id"], 0))
    consumer.commit(message=message)  # only now: what was not handled comes again
