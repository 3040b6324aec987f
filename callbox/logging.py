"""Logs: one line for each event on stderr, as JSON for machines or as text for people.

Everything goes through the standard library's logging, also the lines of Faust. A traceback never shows
the variables of a frame, because they may hold a plate text or a picture.
"""

import io
import logging
import sys
import threading
from enum import StrEnum
from typing import Any, Final, TextIO

import structlog
from structlog.typing import EventDict, ExcInfo, Processor, WrappedLogger

from callbox.terminal.printable import printable, printable_lines
from streams.clock import monotonic
from streams.kafka.rare_log import RareLog

MOST_LINE: Final = 32_768
"""Characters of a line; longer than any of ours, and short enough for whoever collects lines."""

MOST_VALUE, MOST_TRACEBACK = 2_048, 8_192
"""Characters of one value. A traceback of a worker has some 3,000."""

_MOST_BITS: Final = 256
_HEAD: Final = ("event", "level", "logger", "timestamp")

LIBRARIES: Final = ("faust", "mode", "aiokafka", "kafka", "aiohttp", "asyncio")
"""They log each assignment and each lost connection; only their warnings are shown unless `--verbose`."""


class LogFormat(StrEnum):
    """The form of a log line."""

    JSON = "json"
    CONSOLE = "console"


class _RareLines(logging.Filter):
    """Of a line that a library repeats, the first at once and then one a minute, with how many were left out.

    While a broker is away they are 50 to 75 a second. Lines of callbox itself are told apart where they are made.
    """

    def __init__(self) -> None:
        super().__init__()
        self._rare = RareLog()
        self._lock = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is written."""
        if record.levelno < logging.WARNING or record.name.partition(".")[0] not in LIBRARIES:
            return True
        with self._lock:
            left_out = self._rare.due((record.name, record.levelno, str(record.msg)), monotonic())
        if left_out:
            record.msg, record.args = f"{record.getMessage()} ({left_out} such lines were left out)", ()
        return left_out is not None


def configure_logs(log_format: LogFormat = LogFormat.JSON, *, verbose: bool = False) -> None:
    """Set up logging for this process; a later call replaces an earlier one."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.ExtraAdder(allow=()), *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_renderers(log_format)],
        )
    )
    if not verbose:
        handler.addFilter(_RareLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    for name in LIBRARIES:
        logging.getLogger(name).setLevel(logging.INFO if verbose else logging.WARNING)
    logging.captureWarnings(capture=True)


def _make_printable(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Of a line for people: names of devices stand in it. JSON escapes what is not printable by itself."""
    return {name: printable(value) if isinstance(value, str) else value for name, value in event.items()}


def _printable_traceback(out: TextIO, error: ExcInfo) -> None:
    """A traceback ends with the error's text, which may quote a record."""
    written = io.StringIO()
    structlog.dev.plain_traceback(written, error)
    out.write(printable_lines(written.getvalue()))


def _renderers(log_format: LogFormat) -> list[Processor]:
    if log_format is LogFormat.JSON:
        # format_exc_info writes Python's own traceback; dict_tracebacks would add local variables.
        return [structlog.processors.format_exc_info, _bounded(structlog.processors.JSONRenderer())]
    colors = sys.stderr is not None and sys.stderr.isatty()
    return [
        _make_printable,
        _bounded(structlog.dev.ConsoleRenderer(colors=colors, exception_formatter=_printable_traceback)),
    ]


def _bounded(render: Processor) -> Processor:
    """Render a line of at most `MOST_LINE` characters: long values are cut, and then all but its head is left out."""

    def rendered(logger: WrappedLogger, name: str, fields: EventDict) -> str:
        cut = {key: _cut(key, value) for key, value in fields.items()}
        line = str(render(logger, name, dict(cut)))
        if len(line) <= MOST_LINE:
            return line
        head = {key: cut[key] for key in _HEAD if key in cut}
        return str(render(logger, name, head | {"left_out_characters": len(line)}))

    return rendered


def _cut(key: str, value: Any) -> Any:
    """The value itself, or as much of its text as a line may have."""
    if key == "exc_info" or value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _MOST_BITS else f"an integer of {value.bit_length()} bits"
    text = value if isinstance(value, str) else repr(value)
    most = MOST_TRACEBACK if key == "exception" else MOST_VALUE
    if len(text) <= most:
        return value
    half = most // 2  # what was raised stands at the end
    return f"{text[:half]} […{len(text) - most} characters…] {text[-half:]}"
