"""docs/reference/exit-codes.md: what a command ends with, which error that is, and what to do about it."""

import inspect
from typing import Final

from callbox_testkit.reference.markdown import page, table
from schemas import errors
from schemas.errors import CallboxError

_CODES: Final = {
    0: (
        (
            "Done. A worker: it was told to stop (SIGTERM, SIGINT, SIGHUP) and did. `callbox tail`: Ctrl-C, or its "
            "reader left"
        ),
        "",
    ),
    1: (
        (
            "`callbox topics diff`: the broker's topics differ from the catalogue. `callbox demo`: what came out is "
            "not what the scenario says"
        ),
        "read what it printed",
    ),
    2: ("Usage: unknown command, option or value", "`callbox COMMAND --help`"),
    65: (
        (
            "A change of a topic would lose order or records, or a sealed topic would be readable. `callbox incidents "
            "ack`, `close`, `shelve`, `note`: an acknowledgement was rejected. `callbox dlq retry`: a record was not "
            "sent, because it would come back; `callbox dlq show`: the dead letter cannot be read"
        ),
        (
            "read which; `--i-lose-order`, `--allow-unsealed`; for a rejection do what its reason asks "
            "([consume alerts](../consume.md))"
        ),
    ),
    66: (
        (
            "A file, password, topic or model that is needed is not there or cannot be read. `callbox incidents`: no "
            "incident has the id, or several have, or the filter matches none that may be acted on. `callbox dlq`: no "
            "dead letter at that place; `callbox dlq retry`: nothing was refused and the record of a dead letter is "
            "gone"
        ),
        "name it; `callbox topics apply`; `callbox models fetch`; give more of the id",
    ),
    69: (
        (
            "No broker answers a start (within 10 seconds, or 3 for each address of `bootstrap`), or none has "
            "answered a running worker for `give_up_s`"
        ),
        "start it, or mend `[kafka] bootstrap`",
    ),
    70: (
        (
            "A worker failed and committed nothing, a record could not be delivered, retention overtook a reading of "
            "the log, for `give_up_s` nothing was done while records waited, a partition was never fetched from, a "
            "thread stood still or the group gave no share, or a bug"
        ),
        "start it again: what was not committed is read again; report a traceback",
    ),
    75: (
        (
            "`callbox incidents ack`, `close`, `shelve`, `note`: all was delivered, none was rejected, and an answer "
            "did not come in time. `callbox send`: the event was delivered, and no alert named it in time"
        ),
        (
            "look at the incident; send the same again with the `--ack-id` that the text names, it counts once. "
            "`callbox send`: look whether `alarms` and `fusion` run"
        ),
    ),
    76: (
        (
            "`frames` or `plates`: 1,000 records of a topic in a row cannot be read, and for ten seconds none could: "
            "their writer has another schema. All that was rejected is committed, what follows waits"
        ),
        (
            "upgrade the workers, or lock the writer out ([dead letters](../guides/dead-letters.md#a-wrong-schema)); "
            "started again it goes on behind what was rejected"
        ),
    ),
    77: (
        (
            "The broker refuses us: the user or password, a `security_protocol` that is not the port's, a client "
            "certificate, an ACL that is missing or was removed; or its own certificate is not to be trusted; or the "
            "group refuses a worker: an earlier release or another program is in it, `group.max.size`, "
            "`session_timeout_ms`"
        ),
        ("mend what the text names, a setting or each ACL; `callbox topics acls` prints what a worker needs"),
    ),
    78: (
        (
            "A config, town, policy or hotlist file is refused as a whole, a password or PEM file holds something "
            "else, or the port of a worker's probes is taken"
        ),
        "mend the place that the text names",
    ),
    130: (
        "Ctrl-C before the command was done, or its question was answered with no",
        "run it again: every command may be repeated",
    ),
}
"""What an operator sees and does. Numbers from 64 on are those of BSD sysexits.h."""


def exit_codes_page() -> str:
    """Every exit code, then the error classes of the code behind them.

    Raises:
        KeyError: An error class ends with a code of which nothing is said here.
    """
    kinds = _errors()
    if silent := {kind.exit_code for kind in kinds} - _CODES.keys():
        raise KeyError(f"nothing is said of exit codes {sorted(silent)}")
    return page(
        "Exit codes",
        "Every command of `callbox` ends with one of these. An error is text on stderr that begins with `callbox: ` "
        "and says what to do; usage errors are click's own.\nNumbers from 64 on are those of BSD `sysexits.h`.",
        table(
            ("code", "what happened", "what to do"), [(str(number), *said) for number, said in _CODES.items()]
        ),
        "A worker that ends with 70, 69 or 77 is meant to be started again by whatever started it, with a pause. "
        "66, 65, 76 and 78 do not go away by themselves.",
        "## Errors",
        table(
            ("error", "code", "means"),
            [(f"`{kind.__name__}`", str(kind.exit_code), inspect.getdoc(kind) or "") for kind in kinds],
        ),
    )


def _errors() -> list[type[CallboxError]]:
    """The classes of `schemas.errors`, by the code that they end with."""
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, CallboxError)
    ]
    return sorted(
        (kind for kind in kinds if kind is not CallboxError),
        key=lambda kind: (kind.exit_code, kind.__name__),
    )
