"""Kafka's client quotas: how much each user may write, so that a flood of one of them holds nobody else up.

Each broker counts for itself, and holds up the answers of whoever is above: nothing is lost. A quota is far above what
its user needs in the worst honest hour, and far below what fills a disk or a link. The numbers are of a county with
630 pillars, 20 cameras at a gateway and 10 checkpoints (docs/guides/access.md).
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

KIB: Final = 1 << 10
MIB: Final = 1 << 20


class Quota(NamedTuple):
    """What one user may take of a broker.

    Attributes:
        producer_byte_rate: Bytes a second that it writes, as they go over the wire.
        request_percentage: Of the time of one of the broker's threads: unpacking what is compressed counts here. None:
            as much as it needs, since to be held up is to be silent.
    """

    producer_byte_rate: int
    request_percentage: int | None


WORKER_QUOTAS: Final[Mapping[str, Quota]] = {
    "alarms": Quota(8 * MIB, None),  # 3,000 events a second and their facts take 1.2 MB/s
    "fusion": Quota(
        64 * MIB, None
    ),  # 8 alerts of 2 kB for each of 1,000 presses a second, snapshots of 8 MiB
    "frames": Quota(32 * MIB, 200),  # evidence: five pictures of 1 MB for each of some candidates a second
    "plates": Quota(32 * MIB, 200),  # the picture of each hit
}
"""By worker. They are there against a fault, not against a load: a worker that is held up is late with alerts."""

GATEWAY: Final = "gateway"
DISPATCH: Final = "dispatch"

CLIENT_QUOTAS: Final[Mapping[str, Quota]] = {
    GATEWAY: Quota(256 * KIB, 50),  # 1,000 events of 150 bytes a second; 10,000 that were kept go out in 6 s
    "camera-gateway": Quota(20 * MIB, 100),  # 20 cameras with 5 pictures of 200 kB a second
    "checkpoint-gateway": Quota(4 * MIB, 50),  # 10 reads a second with pictures of 300 kB
    DISPATCH: Quota(64 * KIB, 50),  # 200 acknowledgements of 300 bytes a second: a shift sends some a minute
}
"""By what the user is. Gateways and organisations of the config have users of their own, with the same quota each."""

DEFAULT_QUOTA: Final = Quota(MIB, 100)
"""Of a user that has no quota of its own, so that nobody is forgotten: `callbox registry apply` writes 2 MB for 5,000
devices."""


def quota_options(
    principal_prefix: str, gateways: Iterable[str] = (), organisations: Iterable[str] = ()
) -> Iterator[str]:
    """The options of `kafka-configs.sh` that set the quotas, an element for each call.

    Args:
        principal_prefix: A worker's user is this and the worker's name.
        gateways: The users of gateways that have a topic of their own.
        organisations: The users of organisations that have a topic of their own.
    """
    users = {f"{principal_prefix}{worker}": quota for worker, quota in WORKER_QUOTAS.items()}
    users |= CLIENT_QUOTAS
    users |= dict.fromkeys(gateways, CLIENT_QUOTAS[GATEWAY])
    users |= dict.fromkeys(organisations, CLIENT_QUOTAS[DISPATCH])
    for user, quota in users.items():
        yield f"{_alter(quota)} --entity-type users --entity-name {user}"
    yield f"{_alter(DEFAULT_QUOTA)} --entity-type users --entity-default"


def _alter(quota: Quota) -> str:
    added = ",".join(f"{name}={value}" for name, value in quota._asdict().items() if value is not None)
    return f"--alter --add-config {added}"
