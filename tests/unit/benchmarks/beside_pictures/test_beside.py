"""What the picture workers of a condition are given."""

import socket
import tomllib

from benchmarks.beside_pictures.beside import client_ids, config_of
from benchmarks.beside_pictures.conditions import BY_NAME, SHIPPED, SMALL_FETCH_BYTES


def test_as_shipped_the_config_says_only_where_the_broker_is() -> None:
    assert tomllib.loads(config_of(BY_NAME[SHIPPED], "127.0.0.1:9092")) == {
        "kafka": {"bootstrap": "127.0.0.1:9092"}
    }


def test_settings_of_a_condition_are_those_of_both_picture_workers() -> None:
    workers = tomllib.loads(config_of(BY_NAME["small_fetches"], "127.0.0.1:9092"))["workers"]
    assert workers["frames"] == workers["plates"]
    assert workers["frames"]["fetch_bytes"] == SMALL_FETCH_BYTES


def test_quotas_name_the_client_ids_of_the_picture_workers() -> None:
    host = socket.gethostname()
    assert client_ids() == [f"callbox-callbox.frames-{host}", f"callbox-callbox.plates-{host}"]
