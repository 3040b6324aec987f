"""Which letters tell of one record, and what may be sent again: with the id it had, so that a copy is known as one."""

from collections.abc import Iterable

import pytest
from msgspec.structs import replace

from callbox.dead_letter_ledger import (
    LETTER_TOPICS,
    Found,
    counts,
    found_in,
    identity,
    ledger,
    place_of,
    spelled,
)
from callbox.dead_letter_tool import (
    BEYOND_MENDING,
    Fate,
    Judgement,
    Original,
    judge,
    kept,
    never,
    with_its_id,
)
from processors.pillars import intake
from schemas.acks import Acknowledgement
from schemas.catalogue import (
    ACKS,
    BY_NAME,
    FRAMES,
    FUSION_INPUT,
    HOTLIST,
    PILLAR_EVENTS,
    PLATE_READS,
    REGISTRY,
    dead_letter_topic,
)
from schemas.codec import HEADER_BYTES, MARKER, decode, encode
from schemas.enums import AckAction, PillarKind, Reason
from schemas.errors import Cause
from schemas.feeds import CameraFrame, PillarEvent, PlateRead
from schemas.letters import DeadLetter
from schemas.log import FusionInput, PillarFact
from schemas.units import DAY_MS, HOUR_MS, EpochMs
from streams import following
from streams.agents.alarms import AlarmsAgent
from streams.delivery import Place
from streams.records import LogRecord
from tests.fakes import FakeFollower, World, batch, registered, run
from tests.fakes import kept as lying_in
from tests.timeline import ACTOR, Timeline, device, envelope, fact, ms

KNOWN = frozenset({"P1", "C1", "K1"})
LATER = EpochMs(ms(0) + 3 * DAY_MS)


def event(kind: PillarKind = PillarKind.TAMPER, **fields: object) -> PillarEvent:
    given = PillarEvent(device_id="P1", kind=kind, occurred_at=ms(0), received_at=ms(0), event_id="e1")
    return replace(given, **fields)


def letter(
    payload: bytes | None = None,
    *,
    topic: str = PILLAR_EVENTS,
    key: bytes | None = b"P1",
    cause: Cause = Cause.UNKNOWN_DEVICE,
    offset: int = 17,
    at: EpochMs | None = None,
    worker: str = "alarms",
) -> DeadLetter:
    return DeadLetter(
        topic=topic,
        partition=3,
        offset=offset,
        appended_at=ms(0) if at is None else at,
        cause=cause,
        detail=None,
        key=key,
        payload=payload,
        worker=worker,
    )


def found(given: DeadLetter, *, offset: int = 0, topic: str | None = None) -> Found:
    return Found(Place(topic or dead_letter_topic(given.topic), 0, offset), ms(9), given)


def lying(*letters: DeadLetter | bytes) -> list[LogRecord]:
    """Letters one second after another."""
    return [
        LogRecord(
            dead_letter_topic(PILLAR_EVENTS if isinstance(each, bytes) else each.topic),
            0,
            offset,
            ms(offset),
            None,
            each if isinstance(each, bytes) else encode(each),
        )
        for offset, each in enumerate(letters)
    ]


def judged(
    given: DeadLetter,
    *,
    original: Original | None = None,
    devices: Iterable[str] = KNOWN,
    now: EpochMs = LATER,
    force: bool = False,
) -> Judgement:
    return judge(found(given), original or kept(given), frozenset(devices), now, force=force)


# --- which letters there are --------------------------------------------------------------------------------------


def test_a_place_is_read_as_it_is_written() -> None:
    text = "alarm.pillar-event.v1.dlq/0/17"
    assert place_of(text) == Place(dead_letter_topic(PILLAR_EVENTS), 0, 17)
    assert spelled(place_of(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "alarm.pillar-event.v1.dlq",
        "alarm.pillar-event.v1.dlq/0",
        "alarm.pillar-event.v1.dlq/0/-1",
        "alarm.pillar-event.v1.dlq/0/1/2",
        "alarm.pillar-event.v1.dlq/0/²",
        "alarm.pillar-event.v1/0/17",
        "dispatch.alert.v1.dlq/0/17",
    ],
)
def test_what_is_no_place_of_a_letter_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"TOPIC\.dlq/PARTITION/OFFSET"):
        place_of(text)


def test_a_bad_record_of_the_registry_is_one_record_however_many_workers_give_it_up() -> None:
    bad = letter(b"poison", topic=REGISTRY, cause=Cause.UNDECODABLE)
    workers = ("plates", "alarms", "frames", "alarms")
    (given,) = ledger(lying(*(replace(bad, worker=worker) for worker in workers))).records
    assert (given.letters, given.workers) == (4, ("alarms", "frames", "plates"))
    assert (given.first, given.place) == ("site.registry.v1.dlq/0/0", "site.registry.v1.dlq/0/3")
    assert (given.first_at, given.newest_at) == (ms(0), ms(3))
    (count,) = counts([given])
    assert (count.records, count.letters, count.newest_at) == (1, 4, ms(3))


def test_another_place_another_cause_and_a_topic_made_anew_are_other_records() -> None:
    one = letter()
    others = (letter(offset=18), letter(cause=Cause.UNDECODABLE), letter(at=ms(1)))
    assert len(ledger(lying(one, *others, one)).records) == 4
    assert len({identity(each) for each in (one, *others)}) == 4


def test_the_newest_comes_first_and_what_is_no_letter_is_counted() -> None:
    told = ledger(lying(letter(offset=1), b"poison", letter(offset=2)))
    assert [given.offset for given in told.records] == [2, 1]
    assert told.unreadable == 1


def test_records_are_counted_by_topic_cause_and_workers() -> None:
    given = ledger(
        lying(
            letter(offset=1),
            letter(offset=2),
            letter(offset=3, cause=Cause.INVALID_FIELD),
            letter(topic=ACKS),
        )
    ).records
    assert [(count.topic, count.cause, count.workers, count.records) for count in counts(given)] == [
        (PILLAR_EVENTS, Cause.INVALID_FIELD, ("alarms",), 1),
        (PILLAR_EVENTS, Cause.UNKNOWN_DEVICE, ("alarms",), 2),
        (ACKS, Cause.UNKNOWN_DEVICE, ("alarms",), 1),
    ]


# --- what is sent -------------------------------------------------------------------------------------------------


def test_the_bytes_and_the_key_are_those_of_the_original_and_the_key_chooses_the_partition() -> None:
    payload = encode(event())
    fate, words, outgoing = judged(letter(payload), now=EpochMs(ms(0) + HOUR_MS))
    assert (fate, words) == (Fate.SENT, "")
    assert outgoing == (PILLAR_EVENTS, b"P1", payload, None)


@pytest.mark.parametrize("key", [None, b""])
def test_what_has_no_key_goes_to_the_partition_that_it_came_from(key: bytes | None) -> None:
    payload = encode(event())
    outgoing = judged(letter(payload), original=Original(key, payload)).outgoing
    assert outgoing == (PILLAR_EVENTS, key, payload, 3)


def test_a_device_that_nobody_has_registered_would_come_back() -> None:
    given = letter(encode(event()))
    fate, words, outgoing = judged(given, devices=())
    assert (fate, outgoing) == (Fate.REFUSED, None)
    assert "callbox registry apply" in words
    assert "--force" in words


def test_an_event_of_days_ago_goes_out_with_a_word_of_warning() -> None:
    """Intake gives it the broker's time: it would look like one of now."""
    given = judged(letter(encode(event(PillarKind.PRESS))), now=LATER)
    assert given.fate is Fate.SENT
    assert "takes it for one of now" in given.words
    dead_clock = event(occurred_at=EpochMs(0), received_at=EpochMs(0))
    assert judged(letter(encode(dead_clock)), now=LATER).words == ""  # it never had a time of its own


def test_a_stranger_s_event_keeps_its_id_by_force_too() -> None:
    given = event(event_id=None)
    outgoing = judged(letter(encode(given)), devices=(), force=True).outgoing
    assert outgoing is not None
    assert intake(decode(outgoing.value, PillarEvent), LATER).event_id == intake(given, ms(0)).event_id


def test_a_press_of_a_stranger_does_not_come_back() -> None:
    assert judged(letter(encode(event(PillarKind.PRESS))), devices=()).fate is Fate.SENT


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        (b"poison", Cause.UNDECODABLE),
        (b"", Cause.UNDECODABLE),
        (encode(event())[:-3], Cause.UNDECODABLE),
        (MARKER + bytes(HEADER_BYTES), Cause.UNKNOWN_SCHEMA),
        (encode(event(PillarKind.UNKNOWN)), Cause.INVALID_FIELD),
    ],
)
def test_what_cannot_be_read_here_would_come_back_and_goes_out_by_force_alone(
    payload: bytes, cause: Cause
) -> None:
    given = letter(payload, cause=Cause.UNKNOWN_SCHEMA)
    fate, words, _ = judged(given)
    assert fate is Fate.REFUSED
    assert str(cause) in words
    forced = judged(given, force=True)
    assert forced.fate is Fate.SENT
    assert str(cause) in forced.words
    assert forced.outgoing is not None
    assert forced.outgoing.value == payload


def test_what_an_upgrade_can_read_goes_out() -> None:
    """Its cause is history: only what the record is now counts."""
    assert judged(letter(encode(event()), cause=Cause.UNKNOWN_SCHEMA)).fate is Fate.SENT


@pytest.mark.parametrize("cause", sorted(BEYOND_MENDING))
def test_a_picture_does_not_mend(cause: Cause) -> None:
    read = encode(PlateRead(checkpoint_id="K1", occurred_at=ms(0), received_at=ms(0), plate_text="ABC1234"))
    given = letter(topic=PLATE_READS, key=None, cause=cause)
    assert judged(given, original=Original(b"K1", read)).fate is Fate.REFUSED


@pytest.mark.parametrize(
    ("topic", "value"),
    [
        (FRAMES, encode(CameraFrame(camera_id="C1", captured_at=ms(0), received_at=ms(0), jpeg=b"j"))),
        (PLATE_READS, encode(PlateRead(checkpoint_id="K1", occurred_at=ms(0), received_at=ms(0)))),
    ],
)
def test_a_sealed_record_goes_out_as_it_lies_once_its_device_is_known(topic: str, value: bytes) -> None:
    given = letter(topic=topic, key=None)
    assert judged(given, original=Original(b"key", value)).outgoing == (topic, b"key", value, None)
    assert judged(given, original=Original(b"key", value), devices=()).fate is Fate.REFUSED


def test_an_acknowledgement_and_a_record_of_the_log_need_no_registry() -> None:
    said = Acknowledgement(ack_id="a", incident_id="i", action=AckAction.ACCEPT, actor=ACTOR, at=ms(0))
    of_the_log = encode(envelope(fact()))
    assert judged(letter(encode(said), topic=ACKS), devices=()).fate is Fate.SENT
    assert judged(letter(of_the_log, topic=FUSION_INPUT), devices=()).fate is Fate.SENT


def test_an_envelope_that_holds_poison_would_come_back() -> None:
    bad = encode(replace(envelope(fact()), payload=b"poison"))
    assert judged(letter(bad, topic=FUSION_INPUT)).fate is Fate.REFUSED


def test_what_is_gone_is_said_to_be_gone_and_nothing_is_sent_even_by_force() -> None:
    given = letter(topic=PLATE_READS, key=None)
    fate, words, outgoing = judged(given, force=True)
    assert (fate, outgoing) == (Fate.GONE, None)
    assert words.startswith(
        "checkpoint.plate-read.v1/3/17 is no longer there (its topic keeps records for 10m)"
    )


def test_what_its_topic_would_not_take_is_refused() -> None:
    large = encode(event(event_id="e" * BY_NAME[PILLAR_EVENTS].max_message_bytes))
    assert judged(letter(), original=Original(b"P1", large), force=True).fate is Fate.REFUSED


def test_a_letter_that_does_not_hold_all_of_its_record_leads_to_where_it_lay() -> None:
    assert kept(letter(b"x")) == Original(b"P1", b"x")
    assert kept(letter(None)) is None
    assert kept(letter(b"x", key=None)) is None
    assert kept(letter(b"x", topic=FRAMES)) is None  # whoever wrote that: a sealed letter holds nothing


@pytest.mark.parametrize("topic", [REGISTRY, HOTLIST])
def test_no_old_record_takes_the_place_of_a_newer_one(topic: str) -> None:
    assert "the newest record of each key" in (never(found(letter(b"x", topic=topic))) or "")


def test_a_letter_in_another_topic_s_place_is_never_sent() -> None:
    stray = found(letter(encode(event())), topic=dead_letter_topic(ACKS))
    assert never(stray) is not None
    assert never(found(letter(b"x", topic="weather.v1"), topic="weather.v1.dlq")) is not None


@pytest.mark.parametrize("topic", LETTER_TOPICS)
def test_every_topic_with_dead_letters_has_a_rule(topic: str) -> None:
    given = found(letter(b"poison", topic=topic))
    assert (
        never(given) or judge(given, Original(b"k", b"poison"), (), LATER, force=False).fate is Fate.REFUSED
    )


# --- the event id -------------------------------------------------------------------------------------------------

NAMELESS = (
    event(event_id=None),
    event(event_id=None, sequence=4),
    event(event_id=None, occurred_at=EpochMs(ms(0) - 9 * DAY_MS)),
    event(event_id=None, received_at=EpochMs(ms(0) + HOUR_MS)),
    event(event_id=None, received_at=EpochMs(0), occurred_at=EpochMs(0)),
)


@pytest.mark.parametrize("now", [EpochMs(ms(0) + 1), EpochMs(ms(0) + 2 * HOUR_MS), LATER])
@pytest.mark.parametrize("given", [event(), *NAMELESS])
def test_a_retry_has_the_id_that_intake_gave_the_original(given: PillarEvent, now: EpochMs) -> None:
    again = with_its_id(encode(given), ms(0), now)
    assert intake(decode(again, PillarEvent), now).event_id == intake(given, ms(0)).event_id


def test_bytes_are_left_alone_where_they_lead_to_the_same_id() -> None:
    for given in (event(), event(event_id=None, sequence=4)):
        assert with_its_id(encode(given), ms(0), LATER) == encode(given)
    assert with_its_id(encode(event(event_id=None)), ms(0), EpochMs(ms(0) + HOUR_MS)) == encode(
        event(event_id=None)
    )


def test_of_a_nameless_event_only_its_name_is_added() -> None:
    given = event(event_id=None)
    again = decode(with_its_id(encode(given), ms(0), LATER), PillarEvent)
    assert again != given
    assert replace(again, event_id=None) == given


@pytest.mark.parametrize(
    "given", [event(PillarKind.PRESS), *(replace(e, kind=PillarKind.PRESS) for e in NAMELESS)]
)
def test_the_fold_drops_a_retry_of_what_was_already_in(given: PillarEvent) -> None:
    line = Timeline()
    line.push(intake(given, ms(0)))
    before = len(line.alerts)
    outgoing = judged(letter(encode(given))).outgoing
    assert outgoing is not None
    again = intake(decode(outgoing.value, PillarEvent), LATER)
    decision = line.push(again, at_s=(LATER - ms(0)) / 1000)
    assert (decision.reason, decision.alerts) == (Reason.DUPLICATE, ())
    assert before == 1


def test_from_a_stranger_s_event_to_a_fact_once_the_registry_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The worker gives it up, the registry learns of the device, the same worker takes the retry."""
    site = FakeFollower([])
    world = World()
    monkeypatch.setattr(following, "Follower", lambda _kafka, _topic: site)
    agent = AlarmsAgent(world.context)
    run(agent.start())
    given = event(event_id=None)
    run(agent.process([batch(encode(given), topic=PILLAR_EVENTS)]))
    (buried,) = world.delivery.letters(PILLAR_EVENTS)
    buried = replace(buried, key=b"P1")

    site.arrive(lying_in(REGISTRY, "P1", registered(device("P1"))[0].value))
    run(agent.every_second())
    outgoing = judged(buried).outgoing
    assert outgoing is not None
    days_later = (LATER - ms(0)) / 1000
    run(agent.process([batch(outgoing.value, topic=PILLAR_EVENTS, start=1, at_s=days_later)]))

    assert len(world.delivery.letters(PILLAR_EVENTS)) == 1
    sent = world.delivery.decoded(FUSION_INPUT, FusionInput)[-1]
    assert sent.event_id == decode(sent.payload, PillarFact).event_id == intake(given, ms(0)).event_id


def test_what_lies_in_the_topic_is_found_as_a_letter() -> None:
    (record,) = lying(letter())
    assert found_in(record) == Found(Place(dead_letter_topic(PILLAR_EVENTS), 0, 0), ms(0), letter())
