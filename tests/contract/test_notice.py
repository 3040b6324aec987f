"""NOTICE and the manifests say the same of every model: package, version, files, licence, and what is unclear."""

import re

import pytest

from models.manifest import Manifest, load_manifests
from tests.support.paths import ROOT

NOTICE = (ROOT / "NOTICE").read_text("utf-8")
PARAGRAPHS = NOTICE.split("\n\n")


def paragraph_of(manifest: Manifest) -> str:
    found = [
        text
        for text in PARAGRAPHS
        if f"from {manifest.wheel.project} {manifest.wheel.version}" in text
        and all(member.file in text for member in manifest.members)
    ]
    assert len(found) == 1, manifest.name
    return " ".join(found[0].split())


@pytest.mark.parametrize("manifest", load_manifests(), ids=lambda manifest: manifest.name)
def test_notice_names_a_model_s_files_package_licence_and_what_its_manifest_says_of_it(
    manifest: Manifest,
) -> None:
    text = paragraph_of(manifest)
    assert manifest.licence in text
    assert text.endswith(" ".join(manifest.licence_note.split()))


@pytest.mark.parametrize("manifest", load_manifests(), ids=lambda manifest: manifest.name)
def test_what_is_unclear_of_a_licence_is_said(manifest: Manifest) -> None:
    note = " ".join(manifest.licence_note.split())
    assert "Unclear: " in note or "Nothing is unclear." in note


def test_notice_names_no_model_that_is_not_fetched() -> None:
    said = [text for text in PARAGRAPHS if re.search(r"\), from \S+ \d", text)]
    assert len(said) == len(load_manifests())
