"""A TCP proxy that can be slow: clients are told its address instead of the broker's.

    client ─► proxy ─(delay_s each way)─► broker ─► proxy ─(delay_s)─► client

One thread with a loop of its own; every chunk waits, and chunks of a connection keep their order.
"""

import asyncio
import contextlib
import threading

from streams.brokers.process import LOOPBACK, free_port

CHUNK = 1 << 16


class SlowProxy:
    """Proxies in front of any number of brokers.

    Attributes:
        delay_s: What every chunk waits for; may be changed at any time.
        chunks_delayed: How many have waited.
    """

    def __init__(self) -> None:
        self.delay_s = 0.0
        self.chunks_delayed = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def in_front_of(self, address: str) -> str:
        """Begin to listen for a broker; the address that clients are to use."""
        port = free_port()
        asyncio.run_coroutine_threadsafe(self._listen(port, address), self._loop).result(10)
        return f"{LOOPBACK}:{port}"

    def close(self) -> None:
        """Stop; connections are dropped."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    async def _listen(self, port: int, address: str) -> None:
        host, _, broker_port = address.rpartition(":")

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection(host, int(broker_port))
            except OSError:  # the broker is down: the client sees its connection end
                writer.close()
                return
            await asyncio.gather(self._pass_on(reader, back), self._pass_on(there, writer))

        await asyncio.start_server(connected, LOOPBACK, port)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while chunk := await reader.read(CHUNK):
                if self.delay_s:
                    self.chunks_delayed += 1
                    await asyncio.sleep(self.delay_s)
                writer.write(chunk)
                await writer.drain()
        with contextlib.suppress(OSError):
            writer.close()
