"""docs/guides/feeds.md is true of the records and of intake, and shows the gateway that is tested."""

import re

import msgspec
import pytest

from processors.intake.pillar_event import AHEAD_MS, BEHIND_MS
from processors.state.policy import FusionPolicy
from schemas.enums import PillarKind
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.ids import ID_LENGTH
from schemas.topics import BY_NAME
from schemas.units import DAY_MS, SECOND_MS
from tests.support.documents import blocks, names, rows, text_of
from tests.support.paths import ROOT

PAGE = text_of(ROOT / "docs/guides/feeds.md")
FIELDS = {
    PillarEvent: "## Events of pillars",
    CameraFrame: "## Camera frames",
    PlateRead: "## Plate reads",
}


def explained(heading: str, column: str) -> list[str]:
    """The names in the first cells of the table below a heading whose second column is called so."""
    found: list[str] = []
    is_wanted = False
    for first, second, *_ in rows(PAGE, heading):
        if second in {"write", "send it when"}:
            is_wanted = second == column
        elif is_wanted:
            found += names(first)
    return sorted(found)


def test_the_page_shows_the_very_file() -> None:
    (source,) = [content for language, content in blocks(PAGE) if language == "python"]
    assert source == text_of(ROOT / "examples/producer.py")


def test_every_kind_of_pillar_event_is_explained() -> None:
    kinds = explained("## Events of pillars", "send it when")
    assert kinds == sorted(kind.value for kind in PillarKind if kind is not PillarKind.UNKNOWN)


@pytest.mark.parametrize(
    ("record", "heading"), FIELDS.items(), ids=lambda value: getattr(value, "__name__", "")
)
def test_every_field_of_a_feed_is_explained_once(record: type[msgspec.Struct], heading: str) -> None:
    assert explained(heading, "write") == sorted(record.__struct_fields__)


def test_the_keys_and_sizes_are_those_of_the_catalogue() -> None:
    for name, _, key, largest in rows(PAGE, "## Topics")[1:]:
        topic = BY_NAME[name.strip("`")]
        size = {1 << 20: "1 MiB", (8 << 20) + (64 << 10): "8 MiB and 64 KiB"}[topic.max_message_bytes]
        assert (key, largest) == (topic.key, size)


def test_the_times_that_are_possible_are_those_of_intake() -> None:
    window = f"{BEHIND_MS * 24 // DAY_MS} h before to {AHEAD_MS // SECOND_MS} s after"
    assert [row[2] for row in rows(PAGE, "### Clocks")[1:]] == [window, window]
    assert f"at most {ID_LENGTH} characters" in PAGE


def test_the_limits_of_fusion_are_its_defaults() -> None:
    policy = FusionPolicy()
    assert policy.bounce_ms == 3 * SECOND_MS
    assert "within three seconds are one" in " ".join(PAGE.split())
    assert f"more than {policy.late_after_ms // SECOND_MS} s after it happened" in PAGE
    assert f"holds a blue for {policy.hold_ms.blue // SECOND_MS} s" in PAGE


def test_the_settings_that_are_explained_are_those_of_the_example() -> None:
    told = dict(next(iter(names(row[0]))).split("=") for row in rows(PAGE, "## Delivery")[1:])
    source = text_of(ROOT / "examples/producer.py")
    for name, value in told.items():
        found = re.search(rf'"{re.escape(name)}": ("?[\w.]+"?)', source)
        assert found is not None, name
        assert found[1].strip('"').lower() == value
