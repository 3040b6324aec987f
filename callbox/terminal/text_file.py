"""Text files that people write, and what is wrong with one."""

from pathlib import Path

from schemas.errors import FileRefused, InputMissing


def read_text(path: Path) -> str:
    """Read a UTF-8 text file, without the byte-order mark that some editors write.

    Raises:
        InputMissing: It does not exist or cannot be read.
        FileRefused: It is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileRefused(f"{path}: not UTF-8 at byte {error.start}") from error
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}") from error


def refusal(origin: str, problems: list[str]) -> FileRefused:
    """The error that names everything that is wrong with a file, one problem on each line."""
    if len(problems) == 1:
        return FileRefused(f"{origin}: {problems[0]}")
    return FileRefused(
        "\n".join([f"{origin}: {len(problems)} problems:", *(f"  {line}" for line in problems)])
    )
