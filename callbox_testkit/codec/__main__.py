"""Write the generated code of the codec, or with `--check` name the modules that are not what the schemas say."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import schemas
from callbox_testkit.codec.modules import module_texts
from schemas.avro_schemas import SCHEMA_FILES

FOLDER: Final = Path(schemas.__file__).parent / "generated"


def outdated(folder: Path) -> Iterator[tuple[Path, str | None]]:
    """Each module that differs, and the text that it should have; None for one that should not be there."""
    texts = module_texts(SCHEMA_FILES)
    for name, text in texts.items():
        path = folder / f"{name}.py"
        if not path.exists() or path.read_text("utf-8") != text:
            yield path, text
    yield from ((path, None) for path in sorted(folder.glob("*.py")) if path.stem not in texts)


def main(arguments: list[str], folder: Path = FOLDER) -> int:
    """Write the modules and name them; with `--check` only name those that differ, and fail if there are any."""
    if arguments not in ([], ["--check"]):
        sys.stderr.write("usage: python -m callbox_testkit.codec [--check]\n")
        return 2
    differing = list(outdated(folder))
    if arguments:
        sys.stdout.writelines(f"{path.name} differs from the schemas\n" for path, _ in differing)
        return 1 if differing else 0
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in differing:
        if text is None:
            path.unlink()
        else:
            path.write_text(text, "utf-8")
        sys.stdout.write(f"{path.name} {'deleted' if text is None else 'written'}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
