"""The files that people hand to callbox."""

from pathlib import Path

from schemas.errors import FileRefused, InputMissing


def read_text(path: Path) -> str:
    """A whole UTF-8 text file; a byte-order mark, as some editors leave it, is taken off.

    Raises:
        InputMissing: It is not there or may not be read.
        FileRefused: It is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}") from error


def refusal(origin: str, problems: list[str]) -> FileRefused:
    """The error that names everything that is wrong with a file, one problem a line."""
    if len(problems) == 1:
        return FileRefused(f"{origin}: {problems[0]}")
    return FileRefused(
        "\n".join([f"{origin}: {len(problems)} problems:", *(f"  {line}" for line in problems)])
    )
