"""The scenario file: its vehicles, what is sent and when, and exactly what must come out of it.

Like every file that people write, it is accepted as a whole or refused as a whole.
"""

from collections.abc import Sequence
from typing import Annotated, Final

import msgspec

from callbox.demo.steps import AnyStep, PlateStep, last_at_s
from callbox.terminal.text_file import refusal
from schemas.enums import Purpose
from schemas.registry import UNASSIGNED_ZONE, RegistryDevice
from schemas.strict_toml import read_strict

LONGEST_S: Final = 120.0  # as long as people watch it


class ListedAs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle's entry in the hotlist.

    Attributes:
        entry_id: Id of the entry.
        purpose: Why the vehicle is listed.
        expires_in_s: Seconds from the moment when the list is written.
        other_character: Index of a character that differs in the entry, so that another vehicle is listed; or None.
    """

    entry_id: str
    purpose: Purpose
    expires_in_s: Annotated[int, msgspec.Meta(ge=0, le=86_400)]
    other_character: Annotated[int, msgspec.Meta(ge=2, le=6)] | None = None


class VehicleRole(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A vehicle that passes a checkpoint.

    Attributes:
        name: Its name in the steps.
        plate: The text that is drawn on its plate, unless real crops are given.
        entry: Its entry in the hotlist, or None.
    """

    name: str
    plate: str
    entry: ListedAs | None = None


class Scenario(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of a scenario file."""

    vehicles: tuple[VehicleRole, ...]
    steps: Annotated[tuple[AnyStep, ...], msgspec.Meta(min_length=1)]


def read_scenario(text: str, origin: str) -> Scenario:
    """Read a scenario file.

    Raises:
        FileRefused: An unknown key, a wrong type, an unknown vehicle, or a scenario that takes too long.
    """
    scenario = read_strict(text, Scenario, origin)
    if problems := _problems(scenario):
        raise refusal(origin, problems)
    return scenario


def zone_of_device(device: str, town: Sequence[RegistryDevice]) -> str:
    """The zone of a device; `unassigned` for one that no registry names."""
    return next((known.zone for known in town if known.device_id == device), UNASSIGNED_ZONE)


def _problems(scenario: Scenario) -> list[str]:
    names = {vehicle.name for vehicle in scenario.vehicles}
    problems = []
    for number, step in enumerate(scenario.steps):
        path = f"steps[{number}]"
        if isinstance(step, PlateStep) and step.vehicle not in names:
            problems.append(f"{path}.vehicle: {step.vehicle!r} is none of {', '.join(sorted(names))}")
        if step.alerts and not step.subject:
            problems.append(f"{path}.alerts: no alert names what this step is about")
        if last_at_s(step) > LONGEST_S:
            problems.append(f"{path}: ends after more than {LONGEST_S:.0f} s")
    return problems
