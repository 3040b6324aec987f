"""The options that name who acts."""

import click
import pytest
from click.testing import CliRunner

from callbox.terminal.actor import actor_options


@click.command()
@actor_options
def say(*, actor: str, organisation: str) -> None:
    click.echo(f"{actor} of {organisation}")


def test_who_acts_comes_from_options_or_the_environment() -> None:
    run = CliRunner().invoke(say, ["--actor", " Li "], env={"CALLBOX_ORGANISATION": "Town"})
    assert run.output == "Li of Town\n"


@pytest.mark.parametrize("name", ["", "  ", "a\x1b[2J", "x" * 101])
def test_a_name_that_cannot_be_read_is_refused(name: str) -> None:
    run = CliRunner().invoke(say, ["--actor", name, "--organisation", "Town"])
    assert run.exit_code == 2
    assert "characters that can be read" in run.output


def test_who_acts_is_never_left_out() -> None:
    assert CliRunner().invoke(say, ["--actor", "Li"]).exit_code == 2
