"""What people see while the demo runs: on a terminal a table that grows with each alert, anywhere else plain lines."""

from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from callbox.demo.result import press_to_alert_ms
from callbox.demo.scenario import Scenario
from callbox.demo.watch import Arrival
from callbox.terminal.printable import printable, printable_lines
from schemas.alert import Alert
from schemas.codec import decode
from schemas.enums import Grade, Status
from schemas.hotlist import VerificationRequest
from schemas.topics import VERIFICATION_REQUESTS
from schemas.units import SECOND_MS, EpochMs
from streams.clock import now_ms

STYLES: Final = {Grade.RED: "bold red", Grade.YELLOW: "bold yellow", Grade.BLUE: "blue"}
COLUMNS: Final = ("s", "grade", "action", "why", "zone", "device", "press to alert")


class Display(Protocol):
    """Where a run is shown."""

    def step(self, at_s: float, what: str) -> None:
        """Show that a step of the scenario begins."""

    def arrived(self, at_s: float, arrival: Arrival) -> None:
        """Show a record that came out."""

    def note(self, text: str) -> None:
        """Show a line about the run itself."""

    def close(self) -> None:
        """End the display; what it shows stays."""


class RunProgress:
    """Shows what is new: the steps that have begun and the records that have arrived.

    The thread that sends calls `sent`, the main thread calls `refresh`.

    Args:
        scenario: Its steps are shown by their own words.
        arrivals: What the watcher has seen; it grows while the run goes on.
        display: Where it is shown.
    """

    def __init__(self, scenario: Scenario, arrivals: Sequence[Arrival], display: Display) -> None:
        self._scenario, self._arrivals, self._display = scenario, arrivals, display
        self._sent: SimpleQueue[tuple[EpochMs, int]] = SimpleQueue()
        self._steps: set[int] = set()
        self._shown = 0
        self._start = now_ms()

    def sent(self, step: int) -> None:
        """Note that a record of a step, given by its index, is sent now."""
        self._sent.put((now_ms(), step))

    def refresh(self) -> None:
        """Show the steps of which a record was sent for the first time, then what arrived."""
        while True:
            try:
                at, step = self._sent.get_nowait()
            except Empty:
                break
            if not self._steps:
                self._start = at
            if step not in self._steps:
                self._steps.add(step)
                self._display.step(self._seconds(at), self._scenario.steps[step].what)
        for arrival in self._arrivals[self._shown :]:
            self._shown += 1
            self._display.arrived(self._seconds(arrival.at), arrival)

    def _seconds(self, at: EpochMs) -> float:
        return (at - self._start) / SECOND_MS


def cells(at_s: float, arrival: Arrival) -> tuple[list[str], str]:
    """How a record is shown: a cell for each of `COLUMNS`, and the style of the row."""
    if arrival.topic == VERIFICATION_REQUESTS:
        request = decode(arrival.value, VerificationRequest)
        why = f"{request.purpose}: a person is asked"
        asked = [f"{at_s:.1f}", "-", "verify", why, request.zone, request.checkpoint_id, ""]
        return list(map(printable, asked)), "magenta"
    alert = decode(arrival.value, Alert)
    took = press_to_alert_ms(alert, arrival.at)
    device = alert.sources[-1].device_id if alert.sources else ""
    grade = alert.grade.value if alert.status is Status.ACTUAL else f"{alert.grade} ({alert.status})"
    shown = [f"{at_s:.1f}", grade, alert.action, alert.reason, alert.zone, device]
    style = STYLES.get(alert.grade, "") if alert.status is Status.ACTUAL else "dim"
    return [*map(printable, shown), "" if took is None else f"{took} ms"], style


class Lines:
    """A display of plain lines, for a log."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, at_s: float, what: str) -> None:
        """Print a line marked `in`."""
        self._print(f"{at_s:5.1f} s  in   {what}")

    def arrived(self, at_s: float, arrival: Arrival) -> None:
        """Print a line marked `out`."""
        shown, _style = cells(at_s, arrival)
        self._print(f"{at_s:5.1f} s  out  {'  '.join(cell for cell in shown[1:] if cell)}")

    def note(self, text: str) -> None:
        """Print the line."""
        self._print(text)

    def close(self) -> None:
        """Do nothing: no display is open."""

    def _print(self, text: str) -> None:
        self._console.print(printable_lines(text), soft_wrap=True, markup=False, highlight=False)


class Screen:
    """A display of a table of what came out, with the latest step below it."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = Text("")
        self._rows: list[tuple[list[str], str]] = []
        self._live: Live | None = None

    def step(self, at_s: float, what: str) -> None:
        """Replace the step that is shown."""
        self._step = Text(printable(f"{at_s:5.1f} s  {what}"), style="bold")
        self._refresh()

    def arrived(self, at_s: float, arrival: Arrival) -> None:
        """Add a row."""
        self._rows.append(cells(at_s, arrival))
        self._refresh()

    def note(self, text: str) -> None:
        """Print a line above the table."""
        (self._live.console if self._live else self._console).print(
            printable_lines(text), markup=False, highlight=False
        )

    def close(self) -> None:
        """Remove the step and leave the table."""
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


def display_for(console: Console) -> Display:
    """The display for a console: a table on a terminal, lines anywhere else."""
    return Screen(console) if console.is_terminal else Lines(console)
