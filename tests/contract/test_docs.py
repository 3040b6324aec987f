"""The documents are true of the tree: what they name is there, and what they must name is named.

Commands, files, tests, metrics, settings, topics, rights and exit codes; examples are read by what reads them.
"""

import re
import tomllib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from callbox.cli import cli
from callbox.commands.policy import read_policy_file
from callbox.config import Config, read_config
from callbox.hotlist.hotlist_file import read_hotlist
from callbox.registry.registry_file import read_site
from processors.state.policy import LIMITS, FusionPolicy
from schemas.errors import CallboxError
from schemas.topics import CATALOGUE, Cleanup, dead_letter_topic
from schemas.units import DAY_MS, MINUTE_MS, EpochMs
from streams.faust.batching import BatchApp, BatchConsumer, BatchConsumerThread
from streams.worker.metrics import Metrics
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WORKERS
from tests.support.paths import ROOT

DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("*/*.md"), *ROOT.glob("docs/adr/*.md")])
DOCUMENTS = [path for path in DOCUMENTS if not path.relative_to(ROOT).parts[0].startswith((".", "out"))]
README, OPERATE, PRIVACY = ROOT / "README.md", ROOT / "docs/operate.md", ROOT / "docs/privacy.md"
PACKAGES = (
    "schemas",
    "processors",
    "models",
    "streams",
    "callbox",
    "benchmarks",
    "examples",
    "tests",
    "docs",
    "deploy",
)

every_document = pytest.mark.parametrize(
    "document", DOCUMENTS, ids=lambda path: path.relative_to(ROOT).as_posix()
)


def text_of(document: Path) -> str:
    return document.read_text("utf-8")


def blocks(text: str) -> list[tuple[str, str]]:
    """Language and content of each fenced block."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def code(text: str) -> list[str]:
    """Everything that stands as code: inline, and each line of a fenced block."""
    without_blocks = re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line.strip() for _, content in blocks(text) for line in content.splitlines()]
    return re.findall(r"`([^`\n]+)`", without_blocks) + lines


def rows(text: str, heading: str = "") -> list[list[str]]:
    """The cells of every table row, below a heading if one is given."""
    if heading:
        text = re.split(r"^#+ ", text.split(f"{heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]
    return [
        [cell.strip() for cell in line.strip().strip("|").split("|")]
        for line in text.splitlines()
        if line.startswith("|") and not set(line) <= set("|-: ")
    ]


def names(cell: str) -> set[str]:
    return set(re.findall(r"`([^`]+)`", cell))


def slug(heading: str) -> str:
    """The anchor that a heading gets."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


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


def assert_command(line: str) -> None:
    command: click.Command = cli
    options = is_flag_by_option(command)
    words = line.split()
    with click.Context(cli) as context:
        while words:
            word = words.pop(0)
            if word.startswith("--"):
                assert word in options, line
                if not options[word]:
                    assert words, line
                    words.pop(0)
            elif isinstance(command, click.Group) and re.fullmatch("[a-z]+", word):
                found = command.get_command(context, word)
                assert found is not None, line
                command, options = found, is_flag_by_option(found)


def is_flag_by_option(command: click.Command) -> dict[str, bool]:
    return {"--help": True} | {
        name: option.is_flag
        for option in command.params
        if isinstance(option, click.Option)
        for name in (*option.opts, *option.secondary_opts)
    }


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


def test_operators_find_every_metric_and_no_other() -> None:
    families = list(Metrics().registry.collect())
    shipped = {family.name + ("_total" if family.type == "counter" else "") for family in families}
    documented = {name for row in rows(text_of(OPERATE), "## Metrics") for name in names(row[0])}
    assert {name for name in documented if "{" not in name and "/" not in name} >= shipped
    for document in DOCUMENTS:
        assert set(re.findall(r"\bcallbox_(?!testkit\b)[a-z_]+\b", text_of(document))) <= shipped, (
            document.name
        )


def test_operators_find_every_event_of_the_log_and_no_other() -> None:
    sources = "\n".join(text_of(path) for name in PACKAGES[:5] for path in (ROOT / name).rglob("*.py"))
    logged = set(re.findall(r"\blog\.\w+\(\s*\"([a-z_]+\.[a-z_]+)\"", sources))
    documented = {name for row in rows(text_of(OPERATE), "## Logs") for name in names(row[0])}
    assert documented == logged


def in_toml(value: Any) -> str:
    """A default as the tables write it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    return f'`"{value}"`' if isinstance(value, str) else f"{value}"


@pytest.mark.parametrize("name", [name for name in Config.__struct_fields__ if name != "workers"])
def test_operators_find_every_setting_with_its_default(name: str) -> None:
    shipped = {key: in_toml(value) for key, value in msgspec.to_builtins(Config())[name].items()}
    table = rows(text_of(OPERATE), f"### `[{name}]`")[1:]
    assert {row[0].strip("`"): row[1].strip("`") for row in table} == {
        key: default.strip("`") for key, default in shipped.items()
    }


def test_operators_find_every_setting_of_every_worker() -> None:
    header, *table = rows(text_of(OPERATE), "### `[workers.NAME]`")
    workers = msgspec.to_builtins(Config().workers)
    assert header[1:-1] == list(workers)
    assert {row[0] for row in table} == {f"`{key}`" for worker in workers.values() for key in worker}
    for key, *defaults, _meaning in table:
        assert defaults == [in_toml(worker[key.strip("`")]) for worker in workers.values()], key


def test_operators_find_every_limit_of_the_policy() -> None:
    documented = {row[0].strip("`"): row[1:] for row in rows(text_of(OPERATE), "## Files that you apply")[1:]}
    assert {key: default for key, (default, _) in documented.items()} == dict(
        flat(msgspec.to_builtins(FusionPolicy()))
    )
    for key, (lowest, highest) in LIMITS.items():
        assert documented[key][1].startswith(f"{lowest} to {highest};"), key


def flat(table: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)


@pytest.mark.parametrize("name", WORKERS)
def test_a_worker_s_rights_cover_what_it_reads_and_uses(name: str) -> None:
    spec = WORKERS[name]
    _, may_read, may_write, groups = next(
        row for row in rows(text_of(README), "### ACLs") if row[0] == f"`{name}`"
    )
    topics = {topic.name for topic in CATALOGUE if not topic.planned}
    assert {*spec.reads, *spec.follows} == names(may_read)
    assert set(spec.writes) == names(may_write)
    assert names(may_read) | names(may_write) <= topics
    assert names(groups) == {f"{RuntimeSettings().group_prefix}.{name}"}
    for topic in names(may_read) - {
        "fusion.snapshot.v1",
        "dispatch.incident.v1",
    }:  # passed over; others are rejected
        assert dead_letter_topic(topic) in names(may_write), topic


def test_the_page_on_faust_names_everything_that_is_overridden() -> None:
    page = text_of(next(ROOT.glob("docs/adr/0006-*.md")))
    for overriding in (BatchConsumer, BatchConsumerThread, BatchApp):
        methods = {name for name, member in vars(overriding).items() if callable(member)}
        for name in methods - {"thread_class", "transport_class"}:
            assert name.startswith("__") or f"`{name}`" in page, name
    for pin in re.findall(
        r"\"((?:faust-streaming|aiokafka|mode-streaming)==[^\"]+)\"", text_of(ROOT / "pyproject.toml")
    ):
        assert f"`{pin}`" in page, pin


def test_exit_codes_are_listed_and_found_from_where_operators_look() -> None:
    listed = {row[0] for row in rows(text_of(ROOT / "docs/exit-codes.md"))}
    kinds: list[type[CallboxError]] = [CallboxError, *CallboxError.__subclasses__()]
    assert {str(kind.exit_code) for kind in kinds} <= listed
    assert "exit-codes.md" in text_of(OPERATE)
    assert "docs/exit-codes.md" in text_of(README)


def test_the_privacy_page_says_of_every_topic_whether_it_is_sealed_and_how_long_it_keeps() -> None:
    table = rows(text_of(PRIVACY), "## What each topic holds")
    documented = {row[0].strip("`"): (row[-2], row[-1]) for row in table[1:]}
    letters = documented.pop("<topic>.dlq")
    shipped = {
        topic.name: ("yes" if topic.sealed else "no", kept(topic.retention_ms, topic.cleanup))
        for topic in CATALOGUE
        if not topic.planned
    }
    assert {name: told for name, told in shipped.items() if not name.endswith(".dlq")} == documented
    assert {told for name, told in shipped.items() if name.endswith(".dlq")} == {letters}


def kept(retention_ms: int | None, cleanup: Cleanup) -> str:
    if cleanup is Cleanup.COMPACT or retention_ms is None:
        return "newest of each key"
    days, rest = divmod(retention_ms, DAY_MS)
    return f"{retention_ms // MINUTE_MS} minutes" if rest else f"{days} days"


def test_documents_that_the_code_refers_to_are_there() -> None:
    for name in PACKAGES:
        for path in (ROOT / name).rglob("*.py"):
            for target in re.findall(r"\bdocs/[\w/-]+(?:\.md)?", text_of(path)):
                assert list(ROOT.glob(f"{target}*")), f"{path.relative_to(ROOT)}: {target}"
