"""The codec bench has records of every type that it names, sees a difference, and gives every figure."""

import json
from typing import Any

import pytest

from benchmarks import codec as bench
from benchmarks.fold.mix import Size
from schemas.alert import Alert
from schemas.fusion_log import Tick

SMALL = Size(zones=20, open_incidents=60, remembered=0)


@pytest.fixture(scope="module")
def records() -> dict[str, list[Any]]:
    return bench.corpus(SMALL, inputs=300, most=20)


def test_there_are_records_of_every_type_and_alerts_of_more_than_presses(
    records: dict[str, list[Any]],
) -> None:
    assert list(records) == [record.__name__ for record in bench.RECORDS]
    assert all(1 < len(found) <= 20 for found in records.values())
    assert len({alert.action for alert in records["Alert"]}) > 1


def test_a_type_has_every_figure(records: dict[str, list[Any]]) -> None:
    figures = bench.measure(records["Alert"], rounds=2)
    assert figures["records"] == 20
    assert {
        "bytes",
        "encode_us",
        "encode_times",
        "decode_us",
        "decode_times",
        "decode_times_spread",
    } <= figures.keys()


def test_a_writer_that_differs_is_seen_before_anything_is_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "encode", lambda _: b"")
    with pytest.raises(AssertionError):
        bench.measure([Tick(number=1)], rounds=1)


def test_a_bar_is_met_from_its_figure_on() -> None:
    reached = {record: {"encode_times": 3.0, "decode_times": 1.9} for record in ("Alert", "FusionInput")}
    assert bench.bars_met(reached) == {
        "Alert encode_times": True,
        "Alert decode_times": False,
        "FusionInput encode_times": True,
        "FusionInput decode_times": False,
    }


def test_the_last_line_is_one_object(
    records: dict[str, list[Any]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "corpus", lambda: records)
    bench.main(["--json", "--rounds", "2"])
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert set(result) == {"records", "bars", "bars_met", "stolen", "machine"}
    assert result["records"].keys() == records.keys()
    assert Alert.__name__ in result["records"]
