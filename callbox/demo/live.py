"""What people see while it runs: alerts in a table that grows on a terminal, plain lines anywhere else."""

from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from callbox.demo.result import press_to_alert_ms
from callbox.demo.watch import Arrival
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import Grade, Status
from schemas.hotlist import VerificationRequest
from schemas.topics import VERIFICATION_REQUESTS

STYLES: Final = {Grade.RED: "bold red", Grade.YELLOW: "bold yellow", Grade.BLUE: "blue"}
COLUMNS: Final = ("s", "grade", "action", "why", "zone", "device", "press to alert")


class Show(Protocol):
    """Where it is shown."""

    def step(self, at_s: float, what: str) -> None:
        """A step begins."""

    def arrived(self, at_s: float, arrival: Arrival) -> None:
        """Something came out."""

    def say(self, text: str) -> None:
        """Something happens around the play."""

    def close(self) -> None:
        """It is over."""


def cells(at_s: float, arrival: Arrival) -> tuple[list[str], str]:
    """What is shown of a record: a cell for each column, and its style."""
    if arrival.topic == VERIFICATION_REQUESTS:
        request = decode(arrival.value, VerificationRequest)
        why = f"{request.purpose}: a person is asked"
        return [f"{at_s:.1f}", "-", "verify", why, request.zone, request.checkpoint_id, ""], "magenta"
    alert = decode(arrival.value, Alert)
    took = press_to_alert_ms(alert, arrival.at)
    device = alert.sources[-1].device_id if alert.sources else ""
    grade = alert.grade.value if alert.status is Status.ACTUAL else f"{alert.grade} ({alert.status})"
    shown = [f"{at_s:.1f}", grade, alert.action, alert.reason, alert.zone, device]
    style = STYLES.get(alert.grade, "") if alert.status is Status.ACTUAL else "dim"
    return [*shown, "" if took is None else f"{took} ms"], style


class Lines:
    """Plain lines, for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, at_s: float, what: str) -> None:
        """One line in."""
        self._print(f"{at_s:5.1f} s  in   {what}")

    def arrived(self, at_s: float, arrival: Arrival) -> None:
        """One line out."""
        shown, _style = cells(at_s, arrival)
        self._print(f"{at_s:5.1f} s  out  {'  '.join(cell for cell in shown[1:] if cell)}")

    def say(self, text: str) -> None:
        """One line."""
        self._print(text)

    def close(self) -> None:
        """Nothing is open."""

    def _print(self, text: str) -> None:
        self._console.print(text, soft_wrap=True, markup=False, highlight=False)


class Screen:
    """The last step over a table of what came out."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = Text("")
        self._rows: list[tuple[list[str], str]] = []
        self._live: Live | None = None

    def step(self, at_s: float, what: str) -> None:
        """It stands above the table."""
        self._step = Text(f"{at_s:5.1f} s  {what}", style="bold")
        self._refresh()

    def arrived(self, at_s: float, arrival: Arrival) -> None:
        """A row more."""
        self._rows.append(cells(at_s, arrival))
        self._refresh()

    def say(self, text: str) -> None:
        """One line above the table."""
        (self._live.console if self._live else self._console).print(text, markup=False, highlight=False)

    def close(self) -> None:
        """The table stays."""
        self._step = Text("")
        self._refresh()
        if self._live is not None:
            self._live.stop()

    def _refresh(self) -> None:
        if self._live is None:
            self._live = Live(console=self._console, refresh_per_second=4)
            self._live.start()
        self._live.update(Group(self._table(), self._step))

    def _table(self) -> Table:
        table = Table(*COLUMNS, box=None, pad_edge=False)
        for shown, style in self._rows:
            table.add_row(*(Text(cell) for cell in shown), style=style)
        return table


def show_for(console: Console) -> Show:
    """A table for a terminal, lines for anything else."""
    return Screen(console) if console.is_terminal else Lines(console)
