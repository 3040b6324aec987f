"""`callbox keys make`: the keys by which each writer of the log signs its records (docs/guides/sign-the-log.md)."""

import os
from pathlib import Path
from typing import Final

import click

from callbox.terminal.printable import echo
from processors.fold.writers import Writer
from schemas.errors import FileRefused
from streams.kafka.log_signing import SUFFIX, make_key_text

FOLDER_MODE: Final = 0o700
FILE_MODE: Final = 0o600


@click.group()
def keys() -> None:
    """Keys of the writers of the log."""


@keys.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def make(folder: Path) -> None:
    """Make a key for each writer of the log, in FOLDER. A key that is there already is kept."""
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    for writer in Writer:
        path = folder / f"{writer}{SUFFIX}"
        echo(f"{path}  {'made' if _make(path, writer) else 'there already'}")


def _make(path: Path, writer: Writer) -> bool:
    """Make a key file that only its owner may read; False where there is one already."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, FILE_MODE)
    except FileExistsError:
        return False
    except OSError as error:
        raise FileRefused(f"{path}: {error.strerror}") from error
    with os.fdopen(file, "w", encoding="ascii") as opened:
        opened.write(make_key_text(writer))
    return True
