"""`callbox topics`: compare the topics of the broker with the catalogue, and apply the catalogue."""

from typing import Protocol

import click

from callbox.terminal.choices import replica_name
from callbox.terminal.printable import echo
from schemas.topics import catalogue_with
from streams.kafka import topics as administration
from streams.kafka.acls import acl_options, gateway_acl_options, group_of, organisation_acl_options
from streams.kafka.config import KafkaConfig
from streams.kafka.quotas import quota_options
from streams.kafka.topic_plan import refused
from streams.worker.settings import AckSettings, PillarSettings, RuntimeSettings
from streams.worker.spec import REPLICABLE, WORKERS

DIFFERENT = 1
"""Exit code of `diff` if there is a difference, as of diff(1)."""


class _Config(Protocol):
    @property
    def kafka(self) -> KafkaConfig: ...

    @property
    def runtime(self) -> RuntimeSettings: ...

    @property
    def acknowledgements(self) -> AckSettings: ...

    @property
    def pillars(self) -> PillarSettings: ...


class _Loader(Protocol):
    """What the root command passes to this one."""

    @property
    def config(self) -> _Config: ...


@click.group("topics")
def topics() -> None:
    """Topics of the broker: what differs from the catalogue, and mending it."""


_REPLICATION = click.option(
    "--replication",
    type=click.IntRange(min=1),
    help="Replicas of new topics. Default: 3, or as many as there are brokers.",
)
_ALLOW_UNSEALED = click.option(
    "--allow-unsealed",
    is_flag=True,
    help="Take topics with plates and pictures on a broker that is not loopback; they keep 10 minutes.",
)


@topics.command("diff")
@_ALLOW_UNSEALED
@_REPLICATION
@click.pass_obj
def diff(obj: _Loader, allow_unsealed: bool, replication: int | None) -> None:
    """Show what `apply` would do. Ends with 0: nothing, 1: something."""
    plan = administration.plan(
        obj.config.kafka,
        catalogue_with(obj.config.acknowledgements.organisations, obj.config.pillars.gateways),
        replicas=replication,
        allow_unsealed=allow_unsealed,
    )
    _show_warnings(plan)
    stopped = refused(plan.changes, i_lose_order=False)
    for change in plan.changes:
        echo(f"{'refused  ' if change in stopped else ''}{change}")
    if plan.changes:
        raise click.exceptions.Exit(DIFFERENT)
    echo("the topics are as the catalogue says")


@topics.command("apply")
@click.option(
    "--i-lose-order",
    is_flag=True,
    help="Also add partitions to ordered topics, shorten retention and change the clean-up policy.",
)
@_ALLOW_UNSEALED
@_REPLICATION
@click.pass_obj
def apply(obj: _Loader, i_lose_order: bool, allow_unsealed: bool, replication: int | None) -> None:
    """Create and change topics; all of it, or nothing where one change is refused."""
    done = administration.apply(
        obj.config.kafka,
        catalogue_with(obj.config.acknowledgements.organisations, obj.config.pillars.gateways),
        i_lose_order=i_lose_order,
        replicas=replication,
        allow_unsealed=allow_unsealed,
    )
    _show_warnings(done)
    for change in done.changes:
        echo(f"done  {change}")
    if not done.changes:
        echo("the topics are as the catalogue says")


@topics.command("acls")
@click.option(
    "--principal-prefix",
    default="callbox-",
    show_default=True,
    help="A worker's user is this and the worker's name.",
)
@click.option(
    "--replica",
    metavar="NAME",
    default="",
    callback=replica_name,
    help=f"Those that the users of this replica of {' and '.join(REPLICABLE)} need.",
)
@click.option(
    "--organisation-prefix",
    default="dispatch-",
    show_default=True,
    help="The user of an organisation that acknowledges is this and its name.",
)
@click.option(
    "--gateway-prefix",
    default="gateway-",
    show_default=True,
    help="The user of a gateway with a topic of its own is this and its name.",
)
@click.option(
    "--quotas",
    is_flag=True,
    help="In place of them the quotas of all users, as options of kafka-configs.sh.",
)
@click.pass_obj
def acls(
    obj: _Loader,
    principal_prefix: str,
    replica: str,
    organisation_prefix: str,
    gateway_prefix: str,
    *,
    quotas: bool,
) -> None:
    """Print the ACLs of the users of workers, organisations and gateways, as options of kafka-acls.sh.

    With --quotas: how much each user may write, gateways and dispatch systems too. Asks no broker.
    """
    acknowledgements, pillars = obj.config.acknowledgements, obj.config.pillars
    organisations = {name: f"{organisation_prefix}{name}" for name in acknowledgements.organisations}
    gateways = {name: f"{gateway_prefix}{name}" for name in pillars.gateways}
    if quotas:
        for options in quota_options(principal_prefix, gateways.values(), organisations.values()):
            echo(options)
        return
    prefix = obj.config.runtime.group_prefix
    for worker in REPLICABLE if replica else WORKERS:
        group, first = group_of(worker, prefix, replica), group_of(worker, prefix)
        principal = f"{principal_prefix}{worker}"
        needed = WORKERS[worker].with_organisations(acknowledgements).with_gateways(pillars).acls
        for options in acl_options(needed, principal, group, first if replica else ""):
            echo(options)
    if replica:
        return
    for organisation, user in organisations.items():
        for options in organisation_acl_options(organisation, user):
            echo(options)
    for gateway, user in gateways.items():
        for options in gateway_acl_options(gateway, user):
            echo(options)


def _show_warnings(plan: administration.Plan) -> None:
    for line in plan.warnings:
        echo(f"warning: {line}", err=True)
