"""Accuracy of plate reading: `python -m benchmarks.vision.plates --data DIR [--json]`.

DIR holds pictures of one plate each, mostly crops, named by the plate. They are read by the object that the plates
worker uses, which sees pixels only: a name is compared after its picture has been read, and no prior comes from these
files. In the same run, reader A is measured by itself: a general reader without grammar, corners or a second reader.
"""

import json
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path

import click
import cv2
import numpy as np

from benchmarks.support.machine import describe
from models.plate_readers import ReaderA
from models.plate_reading import PlateReader
from models.weights import cache_root
from processors.plates.consensus import NOTHING_LEGIBLE, PlateReading, normalise_plate_text
from processors.vision.boxes import Picture
from schemas.errors import CallboxError, DecodeError, InputMissing

BARS = {"exact": 0.94, "exact_without_province": 0.95}  # for the 500 crops that the project keeps at hand
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp"})
NORMAL_95 = 1.959964  # standard deviations
WARM_UP = 5  # crops; the first runs of a model allocate its memory


@dataclass(frozen=True, slots=True)
class ReadResult:
    """One crop: the text on it, the text that was read, how long that took."""

    truth: str
    reading: PlateReading
    raw_a: str
    took_ms: float


def run(folder: Path, cache: Path) -> list[ReadResult]:
    """Read every crop of a folder.

    Args:
        folder: With the crops.
        cache: With the weights.

    Raises:
        InputMissing: The folder holds no crops, or a model is missing.
    """
    files = sorted(file for file in folder.glob("*") if file.suffix.lower() in SUFFIXES)
    if not files:
        raise InputMissing(f"{folder}: no crops ({', '.join(sorted(SUFFIXES))})")
    reader, reader_a = PlateReader(cache), ReaderA(cache)
    for file in files[:WARM_UP]:
        reader.read_picture(_picture(file))
    return [_outcome(file, reader, reader_a) for file in files]


def summary(outcomes: Sequence[ReadResult]) -> dict[str, object]:
    """The figures, each rate with its 95 % interval."""
    n = len(outcomes)
    exact = sum(outcome.reading.text == outcome.truth for outcome in outcomes)
    tail = sum(outcome.reading.text[1:] == outcome.truth[1:] for outcome in outcomes)
    certain = [outcome for outcome in outcomes if outcome.reading.certain]
    right = sum(outcome.reading.text == outcome.truth for outcome in certain)
    raw_a = sum(outcome.raw_a == outcome.truth for outcome in outcomes)
    errors = sum(edit_distance(outcome.reading.text, outcome.truth) for outcome in outcomes)
    counts = {
        "exact": (exact, n),
        "exact_without_province": (tail, n),
        "gate_coverage": (len(certain), n),
        "gate_precision": (right, len(certain)),
        "reader_a_raw_exact": (raw_a, n),
    }
    rates = {name: round(part / whole, 4) if whole else None for name, (part, whole) in counts.items()}
    took_ms = [outcome.took_ms for outcome in outcomes]
    return {
        "n": n,
        **rates,
        "char_accuracy": round(1 - errors / sum(len(outcome.truth) for outcome in outcomes), 4),
        "ms_per_plate": round(statistics.median(took_ms), 1),
        "ms_per_plate_p90": round(float(np.quantile(took_ms, 0.9)), 1),
        "interval_95": {name: wilson(part, whole) for name, (part, whole) in counts.items()},
        "bars": BARS,
        "bars_met": {name: (rates[name] or 0) >= bar for name, bar in BARS.items()},
        "machine": describe(),
    }


def wilson(part: int, whole: int) -> tuple[float, float] | None:
    """The 95 % interval of a rate (Wilson 1927); None without any samples."""
    if not whole:
        return None
    rate, square = part / whole, NORMAL_95**2
    centre = (rate + square / (2 * whole)) / (1 + square / whole)
    half = NORMAL_95 * sqrt(rate * (1 - rate) / whole + square / (4 * whole**2)) / (1 + square / whole)
    return round(max(0.0, centre - half), 4), round(min(1.0, centre + half), 4)


def edit_distance(one: str, other: str) -> int:
    """Insertions, deletions and substitutions that turn one text into another (Levenshtein)."""
    row = list(range(len(other) + 1))
    for place, left in enumerate(one, 1):
        before, row[0] = row[0], place
        for column, right in enumerate(other, 1):
            before, row[column] = (
                row[column],
                min(row[column] + 1, row[column - 1] + 1, before + (left != right)),
            )
    return row[-1]


def _outcome(file: Path, reader: PlateReader, reader_a: ReaderA) -> ReadResult:
    picture = _picture(file)
    started = time.perf_counter()
    plates = reader.read_picture(picture)
    took_ms = (time.perf_counter() - started) * 1000
    raw_a = _normalised(reader_a.raw_text(picture))
    reading = plates[0].reading if plates else NOTHING_LEGIBLE
    return ReadResult(normalise_plate_text(file.stem), reading, raw_a, took_ms)


def _normalised(raw: str) -> str:
    try:
        return normalise_plate_text(raw)
    except DecodeError:
        return ""


def _picture(file: Path) -> Picture:
    picture = cv2.imdecode(np.frombuffer(file.read_bytes(), dtype=np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        raise InputMissing(f"{file}: no picture")
    return np.asarray(picture, dtype=np.uint8)


def _show(outcomes: Sequence[ReadResult]) -> None:
    for outcome in outcomes:
        if outcome.reading.text != outcome.truth:
            gate = "certain" if outcome.reading.certain else "not certain"
            click.echo(f"{outcome.truth} read as {outcome.reading.text or 'nothing'}, {gate}")


@click.command()
@click.option(
    "--data", "folder", required=True, type=click.Path(exists=True, file_okay=False, path_type=Path)
)
@click.option("--json", "as_json", is_flag=True, help="Print the JSON object only, on one line.")
def main(folder: Path, *, as_json: bool) -> None:
    """Read every crop of a folder and print how many were read right."""
    try:
        outcomes = run(folder, cache_root())
    except CallboxError as error:
        raise click.ClickException(str(error)) from error
    if not as_json:
        _show(outcomes)
    click.echo(json.dumps(summary(outcomes), ensure_ascii=False))


if __name__ == "__main__":
    main()
