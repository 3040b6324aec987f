"""The generated code of the codec is what its generator writes now, so that it never lags behind a schema."""

from pathlib import Path

import pytest

from callbox_testkit.codec.__main__ import FOLDER, main
from callbox_testkit.codec.modules import module_texts
from schemas.avro_binary import HEADER_BYTES
from schemas.avro_schemas import SCHEMA_FILES, schema_of
from schemas.codec import encode_by_schema
from schemas.generated import WRITERS
from tests.support.made_records import samples


def test_the_modules_are_what_the_generator_writes(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--check"]) == 0, capsys.readouterr().out
    assert {path.stem for path in FOLDER.glob("*.py")} == module_texts(SCHEMA_FILES).keys()


def test_the_same_bytes_are_written_each_time(tmp_path: Path) -> None:
    assert main([], tmp_path) == 0
    for path in FOLDER.glob("*.py"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_the_check_names_what_differs_and_what_should_not_be_there_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([], tmp_path)
    (tmp_path / "alert.py").write_text("something else", "utf-8")
    (tmp_path / "former.py").write_text("", "utf-8")
    capsys.readouterr()
    assert main(["--check"], tmp_path) == 1
    assert (
        capsys.readouterr().out == "alert.py differs from the schemas\nformer.py differs from the schemas\n"
    )
    assert (tmp_path / "alert.py").read_text("utf-8") == "something else"
    assert (tmp_path / "former.py").exists()


def test_what_should_not_be_there_is_deleted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main([], tmp_path)
    (tmp_path / "former.py").write_text("", "utf-8")
    capsys.readouterr()
    assert main([], tmp_path) == 0
    assert capsys.readouterr().out == "former.py deleted\n"
    assert not (tmp_path / "former.py").exists()


def test_the_command_knows_no_other_argument(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--chekc"]) == 2
    assert "usage" in capsys.readouterr().err


@pytest.mark.parametrize("record", SCHEMA_FILES, ids=lambda record: record.__name__)
def test_a_writer_writes_the_header_of_todays_schema(record: type) -> None:
    value = samples(record, 1)[-1]
    assert WRITERS[record](value)[:HEADER_BYTES] == schema_of(record).header == encode_by_schema(value)[:10]
