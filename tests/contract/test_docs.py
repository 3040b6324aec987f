"""The documents are true of the tree: what they name is there, and what they must name is named.

Commands, files, tests, metrics, log events, topics; examples are read by what reads them. What is generated has a test
of its own (tests/contract/test_reference.py).
"""

import inspect
import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from faust import App
from faust.channels import Channel

from callbox.commands.policy import read_policy_file
from callbox.config import read_config
from callbox.hotlist.hotlist_file import read_hotlist
from callbox.registry.registry_file import read_site
from callbox_testkit.reference.topics import kept
from schemas.topics import CATALOGUE
from schemas.units import EpochMs
from streams.faust.app import WorkerApp
from streams.faust.inbox import Inbox
from streams.worker.metrics import Metrics
from tests.support.documents import DOCUMENTS, assert_command, blocks, code, names, rows, slug, text_of
from tests.support.paths import ROOT

WATCH, PRIVACY = ROOT / "docs/guides/watch.md", ROOT / "docs/privacy.md"
PACKAGES = (
    "schemas",
    "processors",
    "models",
    "streams",
    "callbox",
    "callbox_testkit",
    "benchmarks",
    "examples",
    "tests",
    "docs",
    "deploy",
)
OUTSIDE = re.compile(
    r"\.\./shared|(?<![\w-])(?:domain|house|streaming|vision|style|scope|parts)\.md|design page"
)
"""Pages that a reader of the repository does not have."""

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


@every_document
def test_every_link_leads_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", text_of(document)):
        if target.startswith(("http://", "https://")):
            continue
        path, _, anchor = target.partition("#")
        file = document if not path else document.parent / path
        assert file.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", text_of(file), re.MULTILINE)
            assert anchor in map(slug, headings), target


@every_document
def test_no_document_refers_to_a_page_outside_the_repository(document: Path) -> None:
    assert OUTSIDE.findall(text_of(document)) == []
    for target in re.findall(r"\]\(([^)\s#]+)", text_of(document)):
        if not target.startswith(("http://", "https://")):
            assert (document.parent / target).resolve().is_relative_to(ROOT), target


@every_document
def test_every_file_and_test_that_is_named_is_there(document: Path) -> None:
    for piece in code(text_of(document)):
        for name, test in re.findall(rf"(?<![\w./-])((?:{'|'.join(PACKAGES)})/[\w./-]*)(?:::(\w+))?", piece):
            path = ROOT / name.rstrip(".,/")
            is_placeholder = "NAME" in name
            assert is_placeholder or path.exists() or list(path.parent.glob(f"{path.name}*")), name
            assert not test or re.search(rf"^(async )?def {test}\(", text_of(path), re.MULTILINE), test


def commands(document: Path) -> Iterator[str]:
    """Each `callbox …` as it would be typed, comments of a block left out."""
    for piece in code(text_of(document)):
        if found := re.match(r"(?:\$ )?(?:\.venv/bin/)?callbox +(.+)", piece):
            yield re.split(r" {2,}| *#| …", found[1])[0]


@every_document
def test_every_command_that_is_named_exists_with_its_options(document: Path) -> None:
    for line in commands(document):
        assert_command(line)


@every_document
def test_every_make_target_that_is_named_exists(document: Path) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
    for piece in code(text_of(document)):
        if found := re.match(r"make ([a-z]+)", piece):
            assert found[1] in targets, piece


@every_document
def test_every_example_is_read_by_what_reads_it(document: Path) -> None:
    for language, content in blocks(text_of(document)):
        if language == "python":
            compile(content, document.name, "exec")
        if language != "toml":
            continue
        if "[[entries]]" in content:
            expiries = [entry["expires_at"] for entry in tomllib.loads(content)["entries"]]
            day_before = min(expiries) - timedelta(days=1)
            read_hotlist(content, document.name, EpochMs(int(day_before.timestamp() * 1000)))
        elif "[[devices]]" in content:
            read_site(content, document.name)
        elif "bounce_ms" in content:
            read_policy_file(content, document.name)
        else:
            read_config(content, document.name)


@every_document
def test_every_metric_that_is_named_is_shipped(document: Path) -> None:
    families = Metrics().registry.collect()
    shipped = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    assert set(re.findall(r"\bcallbox_(?!testkit\b)[a-z_]+\b", text_of(document))) <= shipped


def test_operators_find_every_event_of_the_log_and_no_other() -> None:
    sources = "\n".join(text_of(path) for name in PACKAGES[:5] for path in (ROOT / name).rglob("*.py"))
    logged = set(re.findall(r"\b(?:log|_rare)\.\w+\(\s*\"([a-z_]+\.[a-z_]+)\"", sources))
    documented = {name for row in rows(text_of(WATCH), "## Logs") for name in names(row[0])}
    assert documented == logged


def test_the_page_on_faust_names_everything_that_is_overridden() -> None:
    page = text_of(next(ROOT.glob("docs/adr/0006-*.md")))
    for ours, theirs in ((WorkerApp, App), (Inbox, Channel)):
        for name in vars(ours).keys() & vars(theirs).keys():
            if not inspect.isfunction(vars(ours)[name]):
                continue
            assert name.startswith("__") or f"`{name}`" in page, name
    for pin in re.findall(
        r"\"((?:faust-streaming|mode-streaming)==[^\"]+)\"", text_of(ROOT / "pyproject.toml")
    ):
        assert f"`{pin}`" in page, pin


def test_the_index_names_every_page() -> None:
    index = text_of(ROOT / "docs/index.md")
    for path in (ROOT / "docs").rglob("*.md"):
        name = path.relative_to(ROOT / "docs").as_posix()
        assert f"({name})" in index or name == "index.md" or name.startswith("adr/"), name


def test_the_readme_is_short() -> None:
    assert len(text_of(ROOT / "README.md").splitlines()) <= 120


ADRS = sorted((ROOT / "docs/adr").glob("*.md"))


@pytest.mark.parametrize("page", ADRS, ids=lambda path: path.stem[:4])
def test_every_decision_has_a_status_and_a_date(page: Path) -> None:
    title, _, status, date = text_of(page).splitlines()[:4]
    numbers = {path.name[:4] for path in ADRS}
    assert title.startswith(f"# {page.name[:4]}: ")
    found = re.fullmatch(r"Status: (?:accepted|superseded by (\d{4}))", status)
    assert found is not None, status
    assert found[1] is None or found[1] in numbers, status
    assert re.fullmatch(r"Date: 20\d\d-[01]\d-[0-3]\d", date), date


def test_decisions_are_numbered_without_gaps() -> None:
    assert [int(path.name[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))


def test_the_glossary_is_short_and_in_order() -> None:
    terms = [row[0] for row in rows(text_of(ROOT / "docs/glossary.md"))[1:]]
    assert 20 <= len(terms) <= 30
    assert terms == sorted(terms)


def test_the_privacy_page_says_of_every_topic_whether_it_is_sealed_and_how_long_it_keeps() -> None:
    table = rows(text_of(PRIVACY), "## What each topic holds")
    documented = {row[0].strip("`"): (row[-2], row[-1]) for row in table[1:]}
    letters = documented.pop("<topic>.dlq")
    shipped = {
        topic.name: ("yes" if topic.sealed else "no", kept(topic)) for topic in CATALOGUE if not topic.planned
    }
    assert {name: told for name, told in shipped.items() if not name.endswith(".dlq")} == documented
    assert {told for name, told in shipped.items() if name.endswith(".dlq")} == {letters}


def test_documents_that_the_code_refers_to_are_there() -> None:
    for name in PACKAGES:
        for path in (ROOT / name).rglob("*.py"):
            for target in re.findall(r"\bdocs/[\w/-]+(?:\.md)?", text_of(path)):
                assert list(ROOT.glob(f"{target}*")), f"{path.relative_to(ROOT)}: {target}"
