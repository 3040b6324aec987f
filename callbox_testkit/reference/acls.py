"""docs/reference/acls.md: what each user needs on the broker, and no more."""

from collections.abc import Iterator
from typing import Final

from callbox_testkit.reference.markdown import names, page, table
from schemas.topics import FUSION_INPUT
from streams.kafka.acls import group_of
from streams.replay.refold import OUTPUTS
from streams.worker.settings import RuntimeSettings
from streams.worker.spec import WORKERS

COMMANDS: Final = (
    (("callbox topics diff",), "DESCRIBE and DESCRIBE_CONFIGS on all topics"),
    (("callbox topics apply",), "these, CREATE, ALTER and ALTER_CONFIGS"),
    (("callbox registry apply",), "READ and WRITE on `site.registry.v1`, WRITE on `fusion.input.v1`"),
    (
        ("callbox maintenance add",),
        (
            "READ on `site.registry.v1` and `site.maintenance.v1`, WRITE on `site.maintenance.v1` and "
            "`fusion.input.v1`"
        ),
    ),
    (("callbox maintenance list",), "READ on `site.maintenance.v1`"),
    (
        ("callbox maintenance end",),
        "READ and WRITE on `site.maintenance.v1`, WRITE on `fusion.input.v1`",
    ),
    (
        ("callbox exercise start", "callbox exercise end"),
        "READ on `site.registry.v1`, WRITE on `fusion.input.v1`",
    ),
    (
        ("callbox policy apply",),
        "READ on `fusion.input.v1` and `fusion.snapshot.v1`, WRITE on `fusion.input.v1`",
    ),
    (("callbox policy show",), "READ on `fusion.input.v1` and `fusion.snapshot.v1`"),
    (("callbox hotlist apply",), "READ and WRITE on `vehicle.hotlist.v1`"),
    (("callbox incidents list", "callbox incidents show"), "READ on `dispatch.incident.v1`"),
    (
        (
            "callbox incidents ack",
            "callbox incidents close",
            "callbox incidents shelve",
            "callbox incidents note",
        ),
        (
            "READ on `dispatch.incident.v1` and `dispatch.ack-result.v1`, WRITE on `dispatch.ack.v1` or the "
            "organisation's topic"
        ),
    ),
    (("callbox dlq list", "callbox dlq show"), "READ on the dead-letter topics"),
    (
        ("callbox dlq retry",),
        (
            "READ on the dead-letter topics and `site.registry.v1`, WRITE on the record's topic; READ on that "
            "topic too where the dead letter does not hold the record, as for sealed ones"
        ),
    ),
    (
        ("callbox send",),
        (
            "READ on `site.registry.v1`, WRITE on `alarm.pillar-event.v1`; where it waits for the alert, as for a "
            "press and a test unless `--wait 0` is given, READ on its topic: `dispatch.alert.v1` for a press, "
            "`dispatch.test-alert.v1` for a test, both for a press of an exercise, `maintenance.alert.v1` for a fault"
        ),
    ),
    (("callbox tail",), "READ on the topic"),
)
"""The first rows were tried by hand on Apache Kafka 4.1.1, with a user for each."""


def acls_page() -> str:
    """The ACLs of each worker's user, of a replica's, of each command's, and of those outside."""
    return page(
        "ACLs",
        "What each worker's user needs, and no more. READ and WRITE include DESCRIBE in Kafka, so DESCRIBE is not "
        "listed.\nNobody needs an ACL on the cluster or a transactional id. `callbox topics acls` prints the first "
        "table as options of `kafka-acls.sh`.",
        table(("worker", "READ on topics", "WRITE on topics", "READ on group"), _worker_rows()),
        "- Groups begin with `runtime.group_prefix`, by default `callbox`.\n"
        "- The registry, the hotlist, snapshots, `dispatch.incident.v1` and the rest of the log are read from the "
        "side, without a group: that takes READ on the topic and no ACL on any group.\n"
        "- A replica `b` has the same ACLs on topics, READ on the groups `callbox.alarms.b` and "
        "`callbox.fusion.b`, and DESCRIBE on the groups of the first set. `callbox topics acls --replica b` prints "
        "them.\n"
        "- A worker asks the broker at its start what its user may do. It names all that is missing and ends with "
        "77.",
        "## Commands",
        table(("command", "needs"), [(names(commands), needs) for commands, needs in COMMANDS]),
        "## Others\n\nA gateway that feeds callbox needs WRITE on its feed's topic. A dispatch system needs READ on "
        "the alert topics, on `dispatch.incident.v1` and `dispatch.ack-result.v1` and on its own group, and WRITE on "
        "`dispatch.ack.v1`; an organisation with a topic of its own WRITE on `dispatch.ack.v1.NAME` in its place, and "
        "`alarms` READ on it ([who may acknowledge](../guides/acknowledgements.md)). Whoever records a log "
        "and compares it ([replay](../replay.md)) needs READ on "
        f"{names((FUSION_INPUT, *OUTPUTS))}, and no group.",
    )


def worker_acls() -> Iterator[tuple[str, tuple[str, ...], tuple[str, ...], str]]:
    """Each worker with the topics that it reads, the topics that it writes, and its group."""
    prefix = RuntimeSettings().group_prefix
    for worker, spec in WORKERS.items():
        yield worker, spec.acls.reads, spec.acls.writes, group_of(worker, prefix)


def _worker_rows() -> Iterator[tuple[str, str, str, str]]:
    for worker, reads, writes, group in worker_acls():
        yield f"`{worker}`", names(reads), names(writes), f"`{group}`"
