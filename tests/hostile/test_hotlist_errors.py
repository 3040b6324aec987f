"""Errors about a hotlist file show no plate, wherever somebody has typed it; who reads them may not read the list."""

from pathlib import Path

import pytest

from callbox.cli import run as callbox
from schemas.errors import FileRefused

PLATE = "沪B70Y26"
ENTRY = """[[entries]]
entry_id = "H-1"
plate_text = "沪B70Y26"
jurisdiction = "CN"
purpose = "stolen_vehicle"
authority = "County police"
case_ref = "2031-118"
entered_by = "Duty desk 4"
expires_at = 2031-03-01T00:00:00+08:00
"""
WRONG_LISTS = {
    "a plate as a key": f'{ENTRY}"{PLATE}" = 1\n',
    "a bare key": f"{ENTRY}B70Y26 = 1\n",
    "a dotted key": f"{ENTRY}B70Y26.colour = 1\n",
    "a key at the top": f'"{PLATE}" = 1\n{ENTRY}',
    "a table": f'{ENTRY}[entries."{PLATE}"]\ncolour = "blue"\n',
    "a table at the top": f'{ENTRY}["{PLATE}"]\ncolour = "blue"\n',
    "an array of tables": f'{ENTRY}[["{PLATE}"]]\n',
    "a table that comes twice": f'["{PLATE}"]\n["{PLATE}"]\n',
    "a key that comes twice": f'{ENTRY}plate_text = "{PLATE}"\n',
    "an inline key that comes twice": f'entries = [{{ "{PLATE}" = 1, "{PLATE}" = 2 }}]\n',
    "a table over a value": f'"{PLATE}" = 1\n["{PLATE}"]\n',
    "a table over an inline table": f'a = {{ "{PLATE}" = 1 }}\n[a."{PLATE}"]\n',
    "no quotes": ENTRY.replace(f'"{PLATE}"', "B70Y26"),
    "no equals sign": f'{ENTRY}"{PLATE}"\n',
    "an escape that is none": f'{ENTRY}note = "\\B70Y26"\n',
    "another type": ENTRY.replace(f'"{PLATE}"', f'["{PLATE}"]'),
    "a purpose": ENTRY.replace("stolen_vehicle", PLATE),
    "a colour": f'{ENTRY}plate_colour = "{PLATE}"\n',
    "an id": ENTRY.replace("H-1", f"x {PLATE} x"),
    "an authority": ENTRY.replace("County police", f"of {PLATE}"),
    "an id of another vehicle": ENTRY.replace("H-1", "沪B70Y26").replace(
        'plate_text = "沪B70Y26"', 'plate_text = "A11111"'
    ),
    "a jurisdiction": ENTRY.replace('"CN"', f'"{PLATE}"'),
    "a key that looks like a path": f'{ENTRY}"x` - at `$.{PLATE}" = 1\n',
    "a key of many lines": f'{ENTRY}"{PLATE}\\n" = 1\n',
    "a list of plates": f'["{PLATE}", "B70Y26"]\n',
    "a file of plates": f"{PLATE}\nB70Y26\n",
    "nested without end": f'entries = {"[" * 100_000}"{PLATE}"',
}


@pytest.mark.parametrize("text", WRONG_LISTS.values(), ids=WRONG_LISTS.keys())
@pytest.mark.parametrize("verbose", [False, True])
def test_no_error_of_a_hotlist_shows_a_plate_wherever_it_was_typed(
    text: str, verbose: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.toml"
    file.write_text(text, encoding="utf-8")
    options = ["--verbose", "--log-format", "console"] if verbose else []
    assert callbox([*options, "hotlist", "apply", str(file), "--dry-run"]) == FileRefused.exit_code
    printed = capsys.readouterr()
    said = printed.out + printed.err
    assert "list.toml" in said
    assert "70Y26" not in said
    assert "Traceback" not in said


@pytest.mark.parametrize("name", ["a plate as a key", "a bare key", "a dotted key"])
def test_a_key_that_is_not_allowed_is_told_by_its_line_and_what_is(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "list.toml"
    file.write_text(WRONG_LISTS[name], encoding="utf-8")
    assert callbox(["hotlist", "apply", str(file), "--dry-run"]) == FileRefused.exit_code
    assert (
        "list.toml: line 10, unknown key in entries[0], allowed are entry_id, plate_text"
        in capsys.readouterr().err
    )
