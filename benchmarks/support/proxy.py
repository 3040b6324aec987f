"""A TCP proxy that can be slow or hold back producers: clients get its address in place of the broker's.

    client ─► proxy ─(delay_s each way)─► broker ─► proxy ─(delay_s)─► client
                └─ a Produce request, while producers are held: waits, and its connection with it

One thread with a loop of its own; every chunk waits, and chunks of a connection keep their order.
"""

import asyncio
import contextlib
import threading

from callbox.demo.processes.broker_process import LOOPBACK, free_port

CHUNK = 1 << 16
PRODUCE = b"\x00\x00"
"""The API key of a request, behind the four bytes of its length (Kafka protocol guide)."""


class SlowProxy:
    """Proxies in front of any number of brokers.

    Attributes:
        delay_s: How long every chunk is delayed; may be changed at any time.
        chunks_delayed: Number of chunks that were delayed.
        produce_held: How many times a connection was held with a Produce request.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.chunks_delayed = 0
        self.produce_held = 0
        self._may_produce = asyncio.Event()
        self._may_produce.set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def in_front_of(self, address: str) -> str:
        """Begin to listen for a broker; the address that clients are to use."""
        port = free_port()
        asyncio.run_coroutine_threadsafe(self._listen(port, address), self._loop).result(10)
        return f"{LOOPBACK}:{port}"

    def hold_producers(self, *, hold: bool) -> None:
        """Hold every Produce request from now on, or let all of them through again."""
        change = self._may_produce.clear if hold else self._may_produce.set
        self._loop.call_soon_threadsafe(change)

    def close(self) -> None:
        """Stop; connections are dropped."""
        asyncio.run_coroutine_threadsafe(self._drop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    async def _drop(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _listen(self, port: int, address: str) -> None:
        host, _, broker_port = address.rpartition(":")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection(host, int(broker_port))
            except OSError:  # the broker is down: the client sees its connection end
                writer.close()
                return
            await asyncio.gather(
                self._pass_on(reader, back, is_request=True), self._pass_on(there, writer, is_request=False)
            )

        await asyncio.start_server(connected, LOOPBACK, port)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_request: bool
    ) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while chunk := await reader.read(CHUNK):
                if self.delay_s:
                    self.chunks_delayed += 1
                    await asyncio.sleep(self.delay_s)
                if is_request and chunk[4:6] == PRODUCE and not self._may_produce.is_set():
                    self.produce_held += 1
                    await self._may_produce.wait()
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
