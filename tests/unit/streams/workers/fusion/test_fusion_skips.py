"""What fusion skips: the log says so before the record is passed, so that a replay and a restore skip it too."""

import pytest

from processors.fold.log_entry import LogEntry
from processors.fold.skipping import Skips
from schemas.codec import decode, encode
from schemas.enums import Grade, InputKind, Reason, SkipStep
from schemas.errors import Cause
from schemas.fusion_log import FusionInput, SkipNotice
from schemas.topics import ALERTS, FUSION_INPUT
from streams.kafka.batch import Batch
from streams.kafka.record import LogRecord
from streams.replay.refold import refold
from streams.worker.agent import hot_hooks_of
from streams.worker.work import Work
from streams.workers.fusion import FusionAgent
from tests.support.fakes import World, done, settled
from tests.support.fusion_agent import PARTITION, Restored, alerts, log
from tests.support.log_records import PARTITIONS, device, fact, ms
from tests.support.skips import notice_in, skip, skip_entry


def deadly(batch: Batch, deaths: int) -> Batch:
    return Batch(batch[:], batch.start, batch.epoch, deaths=deaths)


def quarantined(world: World, agent: FusionAgent, batch: Batch) -> None:
    """As the loop does: asked until it is prepared, then passed."""
    hooks = hot_hooks_of(agent)
    for _ in range(500):
        work = Work(world.delivery, world.clock.clock)
        is_prepared = hooks.prepare(batch, work)
        if is_prepared:
            agent.quarantine(batch, work)
        work.send()
        settled(work)
        if is_prepared:
            return
    raise AssertionError("it is never prepared")


def written(world: World) -> list[SkipNotice]:
    return [
        notice_in(each)
        for each in world.delivery.to(FUSION_INPUT)
        if decode(each.value, FusionInput).kind is InputKind.SKIP
    ]


def test_a_record_of_which_workers_died_is_named_in_the_log_and_then_passed(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device()))
    quarantined(world, agent, deadly(log(fact(event_id="deadly"), start=1), 3))
    (notice,) = written(world)
    assert (notice.partition, notice.offset, notice.step) == (PARTITION, 1, SkipStep.APPLIED)
    assert (notice.cause, notice.blind, notice.actor) == (Cause.QUARANTINED, False, None)
    (red,) = alerts(world)
    assert (red.grade, red.reason, red.sources[0].event_id) == (Grade.RED, Reason.FOLD_ERROR, "deadly")
    (letter,) = world.delivery.dead_letters(FUSION_INPUT)
    assert (letter.offset, letter.cause) == (1, Cause.QUARANTINED)
    done(world, agent, log(fact(event_id="next"), start=2))
    assert len(list(alerts(world))) == 2


def test_what_killed_a_worker_while_it_was_quarantined_is_not_looked_at(
    agent: FusionAgent, world: World
) -> None:
    done(world, agent, log(device()))
    quarantined(world, agent, deadly(log(fact(event_id="deadly"), start=1), 4))
    assert [each.blind for each in written(world)] == [True]
    assert list(alerts(world)) == []


def test_a_worker_that_died_after_it_had_written_the_fact_goes_by_that_fact(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    notice = skip(1, partition=PARTITION, cause=Cause.QUARANTINED, actor=None)
    restored.skips.note(skip_entry(notice, at=9), PARTITION)
    quarantined(world, agent, deadly(log(fact(event_id="deadly"), start=1), 4))
    assert written(world) == []
    assert [each.sources[0].event_id for each in alerts(world)] == ["deadly"]


def test_what_a_person_asked_for_is_applied_before_the_record_is_passed(
    agent: FusionAgent, world: World, restored: Restored
) -> None:
    asked = skip(2, partition=PARTITION, step=SkipStep.REQUESTED)
    restored.skips.note(skip_entry(asked, at=9), PARTITION)
    batch = log(device(), fact(event_id="first"), fact(event_id="asked for"), fact(event_id="last"))
    quarantined(world, agent, batch)
    (notice,) = written(world)
    assert (notice.step, notice.actor, notice.reason) == (SkipStep.APPLIED, asked.actor, asked.reason)
    kinds = [each.topic for each in world.delivery.sent if each.topic in (FUSION_INPUT, ALERTS)]
    assert kinds[0] == FUSION_INPUT
    assert [each.cause for each in world.delivery.dead_letters(FUSION_INPUT)] == [Cause.SKIPPED]


def test_a_request_for_a_record_that_is_folded_comes_too_late_and_the_log_says_so(
    agent: FusionAgent, world: World
) -> None:
    asked = skip(1, partition=PARTITION, step=SkipStep.REQUESTED)
    entry = skip_entry(asked, at=2)
    record = LogRecord(FUSION_INPUT, PARTITION, 2, ms(0), entry.key, entry.value)
    done(world, agent, log(device(), fact()), Batch([record]))
    (late,) = written(world)
    assert (late.step, late.offset) == (SkipStep.TOO_LATE, 1)


@pytest.mark.parametrize("blind", [False, True])
@pytest.mark.parametrize("position", [0, 1, 2, 3])
def test_a_replay_of_a_log_with_a_skip_gives_what_went_out_live(
    agent: FusionAgent, world: World, restored: Restored, position: int, blind: bool
) -> None:
    """The request is found by a restore; what fusion writes itself goes behind it, as on the broker."""
    batch = log(device(), *(fact(event_id=f"e{number}", at_s=300 * number) for number in range(3)))
    asked = skip_entry(skip(position, partition=PARTITION, step=SkipStep.REQUESTED, blind=blind), at=4)
    restored.skips.note(asked, PARTITION)
    quarantined(world, agent, batch)
    done(world, agent, Batch([LogRecord(FUSION_INPUT, PARTITION, 4, ms(0), asked.key, asked.value)]))
    own = [
        LogRecord(FUSION_INPUT, PARTITION, 5 + number, ms(0), each.key, each.value)
        for number, each in enumerate(world.delivery.to(FUSION_INPUT))
    ]
    done(world, agent, Batch(own))
    entries = [
        (PARTITION, LogEntry(each.offset, each.timestamp_ms, each.key, each.value))
        for each in [*batch, LogRecord(FUSION_INPUT, PARTITION, 4, ms(0), asked.key, asked.value), *own]
    ]
    folded = refold(entries, PARTITIONS)
    for topic, payloads in folded.items():
        assert payloads == [each.value for each in world.delivery.to(topic)], topic
    assert [each.step for each in written(world)] == [SkipStep.APPLIED]


def test_facts_are_kept_by_partition() -> None:
    skips = Skips()
    assert skips.note(skip_entry(skip(1, partition=PARTITION), at=2), PARTITION + 1) is None
    assert skips.applied == {}
    assert len(encode(skip(1, partition=PARTITION))) < 500
