"""What an operator may set for a worker, with the defaults that ship."""

from typing import NamedTuple

import msgspec


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One worker process.

    Attributes:
        http_host: Where the probes and metrics listen; anything but loopback is the operator's decision.
        http_port: Port of the probes and metrics; 0 turns them off.
        nice: Added to the process's niceness at start, so that pictures never take a CPU from presses.
        background: Run only while nothing else wants the CPU (Linux: SCHED_IDLE; elsewhere niceness alone counts).
        batch_records: The most records in one batch.
        merge_records: About the most records that are processed together.
        waiting_batches: The most full batches that wait in the worker; the rest stays on the broker.
        fetch_bytes: The most bytes a fetch brings for a partition.
        threads: Pieces of blocking work that run at once: pictures of `plates`, each in a child process with models of
            its own, restores and snapshots of `fusion`; `frames` looks at one picture after the other whatever it
            says.
    """

    http_port: int
    http_host: str = "127.0.0.1"
    nice: int = 0
    background: bool = False
    batch_records: int = 1000
    merge_records: int = 1000
    waiting_batches: int = 64
    fetch_bytes: int = 1 << 20
    threads: int = 1


class RuntimeSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all workers share.

    Attributes:
        group_prefix: Begins the name of every consumer group.
        commit_interval_s: How often progress is committed; a crash repeats at most what was done in this time.
        snapshot_interval_s: How often the fold's state is saved; three of them must cover a commit interval.
        drain_s: A worker that is not done so long after SIGTERM ends anyway.
        registry_poll_s: How often the registry and the hotlist are looked at, once a second at most; for a device that
            is not known, every 0.2 s.
        stall_s: A worker is not ready once one of its partitions has not advanced for so long although records wait
            in it, or although none was ever fetched from it.
        dead_letter_limit: So many records of a topic in a row that cannot be read, and none that can for ten seconds,
            are a wrong schema: `frames` and `plates` stop with exit code 76, `alarms` and `fusion` tell it and go on.
            0: never.
        give_up_s: A worker ends once a part of it has stood still for so long: with exit code 70 a partition in which
            records wait or of which none was ever fetched, a thread, or a group that gives it no share; with 69 where
            no broker has answered, with 77 where it refuses.
    """

    group_prefix: str = "callbox"
    commit_interval_s: float = 1.0
    snapshot_interval_s: float = 5.0
    drain_s: float = 15.0
    registry_poll_s: float = 1.0
    stall_s: float = 30.0
    dead_letter_limit: int = 1_000
    give_up_s: float = 90.0


class AckSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may acknowledge.

    Attributes:
        organisations: The units that each organisation answers for, as the registry names them; an empty list is the
            unit of the organisation's own name. Each has a topic of its own, `dispatch.ack.v1.NAME`.
        allow_plain_topic: Whether what comes on `dispatch.ack.v1` counts beside those; without organisations it always
            does. Nobody vouches for its sender, who may say anything of any incident.
    """

    organisations: dict[str, tuple[str, ...]] = {}
    allow_plain_topic: bool = False

    def units_of(self, organisation: str) -> tuple[str, ...]:
        """The units that an organisation answers for."""
        return self.organisations[organisation] or (organisation,)

    @property
    def takes_plain_topic(self) -> bool:
        """Whether anything that comes on the plain topic counts."""
        return self.allow_plain_topic or not self.organisations


class PillarSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Who may report for pillars.

    Attributes:
        gateways: Those that have a topic of their own, `alarm.pillar-event.v1.NAME`, beside the one that all share.
            The registry may bind a device to one of them (`source`).
    """

    gateways: tuple[str, ...] = ()


class Pace(NamedTuple):
    """How fast a topic is read, so that others go first.

    Attributes:
        records: The most records in a batch.
        rest_s: How long it rests after each, seconds.
    """

    records: int
    rest_s: float
