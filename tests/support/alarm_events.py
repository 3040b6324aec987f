"""Events as gateways send them, and what the alarms agent makes of them in a world without a broker."""

from collections.abc import Iterable

from schemas.codec import decode
from schemas.enums import InputKind, PillarKind
from schemas.feeds import PillarEvent
from schemas.fusion_log import DeadLetterNotice, FusionInput
from schemas.topics import FUSION_INPUT
from tests.support.fakes import World
from tests.support.log_records import ms


def event(
    kind: PillarKind = PillarKind.PRESS, device_id: str = "P1", event_id: str | None = "e1"
) -> PillarEvent:
    return PillarEvent(
        device_id=device_id, kind=kind, occurred_at=ms(0), received_at=ms(0), event_id=event_id
    )


def facts(world: World) -> Iterable[FusionInput]:
    return world.delivery.decoded(FUSION_INPUT, FusionInput)


def is_event(fact: FusionInput) -> bool:
    return fact.kind is InputKind.PILLAR_EVENT


def notices(world: World) -> list[DeadLetterNotice]:
    told = [fact for fact in facts(world) if fact.kind is InputKind.DEAD_LETTER]
    return [decode(fact.payload, DeadLetterNotice) for fact in told]
