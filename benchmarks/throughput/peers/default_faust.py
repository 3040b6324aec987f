"""Faust with its defaults: one agent over events; each `topic.send` is awaited until it is delivered."""

import sys
from typing import Any

import faust

from benchmarks.throughput.peers.jobs import INPUTS, OUTPUTS, load_job


def app_of(bootstrap: str, feed: str, group: str, web_port: int) -> faust.App:
    """An app with one agent; only its web server's port is set, so that it finds a free one."""
    app = faust.App(group, broker=f"kafka://{bootstrap}", web_port=web_port)
    source = app.topic(INPUTS[feed], key_serializer="raw", value_serializer="raw")
    target = app.topic(OUTPUTS[feed], key_serializer="raw", value_serializer="raw")
    job = load_job(bootstrap, feed)

    async def work(stream: Any) -> None:
        async for event in stream.events():
            appended_ms = round(event.message.timestamp * 1000)
            for answer in job(event.value, appended_ms):
                await (await target.send(key=answer.key, value=answer.value))

    app.agent(source)(work)
    return app


if __name__ == "__main__":
    faust.Worker(
        app_of(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])), loglevel="WARNING"
    ).execute_from_commandline()
