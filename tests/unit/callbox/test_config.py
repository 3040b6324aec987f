"""The config: where it is looked for, what it leaves out, what it refuses, what is masked."""

import re
import tomllib
from pathlib import Path
from typing import Any

import msgspec
import pytest

from callbox.config import MASK, Config, find_config, load_config, read_config, show
from callbox.invocation import Invocation
from schemas.errors import FileRefused, InputMissing
from streams.kafka.config import KafkaConfig, SaslMechanism, SecurityProtocol
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WorkersSettings
from tests.support.paths import ROOT

EXAMPLE = ROOT / "deploy" / "callbox.example.toml"
OPTIONAL_LINE = re.compile(r"^#(?=\S)", re.MULTILINE)


def refused(text: str) -> str:
    with pytest.raises(FileRefused) as caught:
        read_config(text, "callbox.toml")
    return str(caught.value)


def paths(table: dict[str, Any], above: str = "") -> set[str]:
    found: set[str] = set()
    for key, value in table.items():
        found |= paths(value, f"{above}{key}.") if isinstance(value, dict) else {above + key}
    return found


def test_an_empty_file_is_the_defaults() -> None:
    assert read_config("", "callbox.toml") == Config()


def test_a_table_that_names_one_setting_keeps_the_other_defaults_of_that_worker() -> None:
    frames = read_config("[workers.frames]\nnice = 5", "callbox.toml").workers.frames
    assert frames == msgspec.structs.replace(WorkersSettings().frames, nice=5)
    assert frames.batch_records == WorkersSettings().frames.batch_records != 1000


def test_the_broker_keeps_its_default_address() -> None:
    assert read_config('[kafka]\nkind = "embedded"', "callbox.toml").kafka.bootstrap == "127.0.0.1:9092"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[kafak]\n", "kafak: unknown key, allowed are kafka, runtime, workers, models"),
        (
            "[workers.fusion]\nhttpport = 1",
            "workers.fusion.httpport: unknown key, allowed are http_port, http_host",
        ),
        (
            '[kafka]\nsecurity_protocol = "TLS"',
            "kafka.security_protocol: 'TLS' is none of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
        ),
        ('[kafka]\nbootstrap = "nowhere"', "kafka: bootstrap 'nowhere' is not host:port"),
        ("[workers]\nalarms = 3", "workers.alarms: found 3, expected `object`"),
        ('[runtime]\ndrain_s = "15"', "runtime.drain_s: found '15', expected `float`"),
        ("[runtime]\ndrain_s = 0", "runtime.drain_s: found 0.0, allowed is more than 0"),
        ("[runtime]\ndrain_s = nan", "runtime.drain_s: found nan, allowed is more than 0"),
        (
            "[workers.alarms]\nhttp_port = 70000",
            "workers.alarms.http_port: found 70000, allowed are 0 to 65535",
        ),
        ("[workers.alarms]\nthreads = 0", "workers.alarms.threads: found 0, allowed are 1 and above"),
        (
            "[workers.alarms]\nhttp_port = 8802",
            "workers.fusion.http_port: found 8802, which workers.alarms has",
        ),
        ("[workers.alarms]\nnice = -5", "workers.alarms.nice: found -5, allowed are 0 to 19"),
    ],
)
def test_a_refusal_names_the_path_and_what_is_allowed(text: str, said: str) -> None:
    assert refused(text).startswith(f"callbox.toml: {said}")


@pytest.mark.parametrize(
    "name", [field.name for field in msgspec.structs.fields(RuntimeSettings) if field.type is float]
)
def test_no_duration_of_the_runtime_may_be_zero(name: str) -> None:
    assert refused(f"[runtime]\n{name} = 0").startswith(
        f"callbox.toml: runtime.{name}: found 0.0, allowed is"
    )


def test_every_problem_is_named_at_once() -> None:
    said = refused("[workers.alarms]\nthreads = 0\nnice = 99").splitlines()
    assert said[0] == "callbox.toml: 2 problems:"
    assert len(said) == 3


def test_ports_that_are_turned_off_may_be_equal() -> None:
    text = "[workers.alarms]\nhttp_port = 0\n[workers.fusion]\nhttp_port = 0"
    assert read_config(text, "callbox.toml").workers.alarms.http_port == 0


def test_the_named_file_goes_before_the_environment_and_that_before_the_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config(None, {}) is None
    (tmp_path / "callbox.toml").write_text("")
    assert find_config(None, {}) == Path("callbox.toml")
    assert find_config(None, {"CALLBOX_CONFIG": "other.toml"}) == Path("other.toml")
    assert find_config(Path("named.toml"), {"CALLBOX_CONFIG": "other.toml"}) == Path("named.toml")


def test_no_file_anywhere_is_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_config(None, {}) == Config()


def test_a_named_file_that_is_not_there_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match=r"gone\.toml"):
        load_config(tmp_path / "gone.toml", {})
    with pytest.raises(InputMissing, match=r"gone\.toml"):
        load_config(None, {"CALLBOX_CONFIG": str(tmp_path / "gone.toml")})


def test_a_file_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "callbox.toml"
    file.write_bytes(b"[kafka]\nbootstrap = '\xff'")
    with pytest.raises(FileRefused, match="not UTF-8 at byte 21"):
        load_config(file, {})


def test_a_byte_order_mark_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "callbox.toml"
    file.write_bytes(b"\xef\xbb\xbf[runtime]\n")
    assert load_config(file, {}) == Config()


def test_references_to_secrets_are_masked_and_nothing_else() -> None:
    kafka = KafkaConfig(
        bootstrap="broker:9093",
        security_protocol=SecurityProtocol.SASL_SSL,
        sasl_mechanism=SaslMechanism.SCRAM_SHA_512,
        sasl_username="alarms",
        sasl_password_file="a-reference",
    )
    shown = show(Config(kafka=kafka))
    assert shown["kafka"]["sasl_password_file"] == MASK
    assert shown["kafka"]["sasl_password_env"] is None
    assert shown["kafka"]["sasl_username"] == "alarms"
    assert "a-reference" not in str(shown)


def test_the_example_loads_and_is_the_defaults() -> None:
    assert read_config(EXAMPLE.read_text("utf-8"), EXAMPLE.name) == Config()


def test_the_example_loads_with_every_optional_line() -> None:
    text = OPTIONAL_LINE.sub("", EXAMPLE.read_text("utf-8")).replace('"PLAINTEXT" ', '"SASL_SSL" ', 1)
    config = read_config(text, EXAMPLE.name)
    assert config.kafka.sasl_password_file is not None
    assert config.models.cache is not None


def test_the_example_names_every_setting() -> None:
    named = paths(tomllib.loads(OPTIONAL_LINE.sub("", EXAMPLE.read_text("utf-8"))))
    in_place_of_another = {"kafka.sasl_password_env"}
    assert named == paths(msgspec.to_builtins(Config())) - in_place_of_another
    assert "sasl_password_env = " in EXAMPLE.read_text("utf-8")


def test_a_folder_for_models_in_the_config_is_where_workers_look(tmp_path: Path) -> None:
    file = tmp_path / "callbox.toml"
    file.write_text('[models]\ncache = "weights"', encoding="utf-8")
    environment = {"CALLBOX_CACHE": "elsewhere"}
    assert Invocation(file, environment).config.models.cache == "weights"
    assert environment == {"CALLBOX_CACHE": "weights"}


def test_a_config_without_a_folder_leaves_the_environment_alone(tmp_path: Path) -> None:
    environment = {"CALLBOX_CONFIG": str(tmp_path / "callbox.toml"), "CALLBOX_CACHE": "elsewhere"}
    (tmp_path / "callbox.toml").write_text("", encoding="utf-8")
    assert Invocation(None, environment).config == Config()
    assert environment["CALLBOX_CACHE"] == "elsewhere"
