"""The options of acknowledgements: names, notes and lengths of time."""

from typing import Any

import click
import pytest
from click.testing import CliRunner

from callbox.commands.ack_options import ack_command, read_span
from schemas.ack import NOTE_LENGTH

ME = ("--actor", " Li ", "--organisation", "Town")


@click.command()
@ack_command()
@click.pass_context
def said(context: click.Context, /, **options: Any) -> None:
    context.obj.update(options)


def given(*arguments: str) -> dict[str, Any]:
    options: dict[str, Any] = {}
    run = CliRunner().invoke(said, arguments, obj=options)
    assert run.exit_code == 0, run.output
    return options


def refused(*arguments: str) -> str:
    run = CliRunner().invoke(said, arguments, obj={})
    assert run.exit_code == 2
    return " ".join(run.output.replace("│", " ").split())


def test_any_number_of_ids_may_be_named() -> None:
    assert given(*ME)["incident_ids"] == ()
    assert given("a", *ME, "b", "c")["incident_ids"] == ("a", "b", "c")


@pytest.mark.parametrize("note", ["x", "The gate is locked.", "大门上锁", "n" * NOTE_LENGTH])
def test_a_note_is_one_paragraph_of_any_characters_that_can_be_read(note: str) -> None:
    assert given(*ME, "--note", f" {note} ")["note"] == note


@pytest.mark.parametrize("note", ["", "  ", "two\nlines", "a\ttab", "\x1b[2J", "n" * (NOTE_LENGTH + 1)])
def test_a_note_that_is_empty_too_long_or_has_lines_is_refused(note: str) -> None:
    assert "allowed are 1 to 500 characters" in refused(*ME, "--note", note)


def test_spaces_around_a_name_are_no_part_of_it() -> None:
    assert given(*ME)["actor"] == "Li"


@pytest.mark.parametrize("state", ["closed", "cancelled", "candidate", "UNKNOWN"])
def test_a_filter_takes_no_state_that_nobody_can_act_on(state: str) -> None:
    assert "--state" in refused(*ME, "--state", state)


def test_a_length_of_time_is_read_in_seconds() -> None:
    context, option = click.Context(said), said.params[0]
    assert read_span(context, option, None) is None
    assert read_span(context, option, "2h") == 7_200
    with pytest.raises(click.BadParameter, match="is no length of time"):
        read_span(context, option, "long")
