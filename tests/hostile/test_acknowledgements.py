"""Attacks with the credential of a dispatch system, which may write acknowledgements and nothing else.

It speaks for other organisations, uses up their ids, floods them out, and puts what no terminal and no XML takes into
every text. The broker's part (who may write which topic) is in tests/hostile/test_acknowledgements_on_kafka.py.
"""

import xml.etree.ElementTree as ET
from collections import Counter
from xml.sax.saxutils import escape

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from callbox.config import read_config
from processors.intake.ack import ack_input
from schemas.ack import NAME_LENGTH, NOTE_LENGTH, AckFact, Acknowledgement, Actor
from schemas.codec import decode, encode
from schemas.enums import AckAction, AckOutcome, AckReason, Disposition, Grade, Reason, Tier
from schemas.errors import FileRefused
from schemas.registry import ChainLink
from schemas.topics import ACKS, REGISTRY, ack_topic, dead_letter_topic, organisation_of
from schemas.units import EpochMs
from streams.kafka.batch import Batch, PartitionPlace
from streams.kafka.group_consumer import MOST
from streams.worker.edge import IN_TURNS_IN_HAND
from streams.worker.settings import AckSettings
from streams.worker.spec import WORKERS
from streams.worker.turns import Turns
from streams.workers.alarms import AlarmsAgent
from tests.support.alarm_events import facts
from tests.support.expect import result_of
from tests.support.fakes import World, batch, consumed, done, registered, run
from tests.support.log_records import device, entry, ms
from tests.support.sent_acks import VILLAGE, say, sent_ack
from tests.support.timeline import Timeline, only_alert

CHAIN = (ChainLink(tier=Tier.VILLAGE, unit="Village 7 committee"),)
SITE = AckSettings(
    organisations={
        "village-7": ("Village 7 committee",),
        "county": ("County", "control-room"),
        "plain-name": (),
    }
)


def called() -> tuple[Timeline, str]:
    line = Timeline(device("P1", chain=CHAIN))
    return line, only_alert(line.press(0)).incident_id


# --- the sender -----------------------------------------------------------------------------------------------------


def forwarded(topic: str, site: AckSettings = SITE, **content: object) -> AckFact:
    """What the shipped agent makes of an acknowledgement on a topic."""
    world = World("alarms", {REGISTRY: registered()}, acknowledgements=site)
    agent = AlarmsAgent(world.context)
    run(agent.start())
    done(world, agent, batch(encode(sent_ack("east-x", **content)), topic=topic))
    (fact,) = facts(world)
    return decode(fact.payload, AckFact)


def test_the_organisation_is_that_of_the_topic_and_never_that_of_the_record() -> None:
    claimed = Actor(name="Duty officer Li", organisation="county")
    fact = forwarded(ack_topic("village-7"), actor=claimed)
    assert (fact.vouched_organisation, fact.actor.organisation) == ("village-7", "village-7")
    assert fact.units == ("Village 7 committee",)
    assert forwarded(ack_topic("plain-name")).units == ("plain-name",)


def test_the_plain_topic_of_a_site_with_organisations_is_refused_unless_the_settings_allow_it() -> None:
    assert forwarded(ACKS).flaw is not None
    allowed = AckSettings(organisations=SITE.organisations, allow_plain_topic=True)
    assert (forwarded(ACKS, allowed).flaw, forwarded(ACKS, AckSettings()).flaw) == (None, None)
    assert forwarded(ACKS, allowed).vouched_organisation == ""


@pytest.mark.parametrize(
    "name",
    [
        "dlq",
        "DLQ",
        "village-7.dlq",
        "a.b",
        "a_b",
        "",
        " ",
        "-a",
        "a-",
        "a b",
        "七村",
        "a\n",
        "../x",
        "a" * 65,
        "\uff41",
    ],
)
def test_no_organisation_has_a_name_that_is_another_topic_s(name: str) -> None:
    assert organisation_of(f"{ACKS}.{name}") is None
    with pytest.raises(FileRefused):
        read_config(
            f'[acknowledgements]\nallow_plain_topic = true\n[acknowledgements.organisations]\n"{_toml(name)}" = []\n',
            "callbox.toml",
        )


def _toml(name: str) -> str:
    return name.replace("\n", "\\n")


def test_dead_letters_of_all_organisations_lie_in_the_one_topic_that_is_there() -> None:
    assert dead_letter_topic(ack_topic("village-7")) == dead_letter_topic(ACKS) == f"{ACKS}.dlq"
    assert organisation_of(dead_letter_topic(ACKS)) is None


@pytest.mark.parametrize(
    ("organisations", "named"),
    [
        ('village-7 = ["Village 7"]', "control-room"),
        ('county = ["control-room"]\nCounty = []', "people take for one"),
        ('county = ["control-room", " "]', "names of units"),
    ],
)
def test_a_site_on_which_an_incident_could_be_answered_by_nobody_is_refused(
    organisations: str, named: str
) -> None:
    with pytest.raises(FileRefused, match=named):
        read_config(f"[acknowledgements.organisations]\n{organisations}\n", "callbox.toml")


# --- texts ----------------------------------------------------------------------------------------------------------

HARMFUL = ("\x00", "\x1b[2J", "\r\n", "\x85", "\u202e", "\u2028", "\ufffe", "\x7f", "\u200b")
TEXTS = st.text(
    st.one_of(st.sampled_from(["\x00", "\x1b", "\n", "\u202e", "\uffff", "a"]), st.characters(codec="utf-8"))
)


def is_fit(text: str) -> bool:
    """Whether a terminal shows it on one line, and XML takes it."""
    ET.fromstring(f"<t>{escape(text)}</t>")
    return not any(each in text for each in "\x00\x1b\r\n\x85\u202e\u2028\x7f\t")


@pytest.mark.parametrize("harmful", HARMFUL)
def test_control_characters_in_a_name_or_a_note_reach_no_alert_and_the_answer_counts(harmful: str) -> None:
    line, call = called()
    told = only_alert(say(line, call, at_s=5, name=f"Li{harmful}", note=f"two{harmful}lines"))
    assert told.actor is not None
    assert told.note is not None
    assert told.reason is Reason.ACCEPTED
    assert is_fit(told.actor.name)
    assert is_fit(told.note)


def test_a_name_in_any_script_is_left_as_it_is() -> None:
    line, call = called()
    name = "李 伟 Şebnem \u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645"
    told = only_alert(say(line, call, at_s=5, name=name))
    assert told.actor is not None
    assert told.actor.name == name


@pytest.mark.parametrize("ack_id", ["a" * 129, "a\x1b[2J", "a\n", "\x00"])
def test_an_ack_id_that_cannot_be_shown_is_answered_under_another_one(ack_id: str) -> None:
    line, call = called()
    answer = result_of(say(line, call, at_s=5, ack_id=ack_id))
    assert (answer.outcome, answer.reason) == (AckOutcome.REJECTED, Reason.UNUSABLE_TEXT)
    assert answer.ack_id != ack_id
    assert len(answer.ack_id) <= NAME_LENGTH
    assert is_fit(answer.ack_id)


def test_a_name_that_is_too_long_is_answered_and_changes_nothing() -> None:
    line, call = called()
    assert result_of(say(line, call, at_s=5, name="L" * 129)).reason is Reason.UNUSABLE_TEXT
    long = Actor(name="Li", organisation="o" * 100_000)
    assert result_of(say(line, call, at_s=6, actor=long)).reason is Reason.UNUSABLE_TEXT
    assert (
        say(line, call, at_s=7, actor=long, sender=VILLAGE).reason is Reason.ACCEPTED
    )  # it is not looked at


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\x00", "...", "\u3000", "\u202e"])
def test_a_name_without_a_letter_is_nobody_s(name: str) -> None:
    line, call = called()
    assert result_of(say(line, call, at_s=5, name=name)).reason is Reason.ACTOR_MISSING


LONGS = st.one_of(st.sampled_from([-(2**63), 2**63 - 1, -1, 0, 1]), st.integers(-(2**63), 2**63 - 1))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_a_record_says_it_is_answered_and_what_is_answered_can_be_shown(data: st.DataObject) -> None:
    line, call = called()
    ack = Acknowledgement(
        ack_id=data.draw(TEXTS),
        incident_id=data.draw(st.sampled_from([call, f"east-{7:026x}"])),
        action=data.draw(st.sampled_from(AckAction)),
        actor=Actor(name=data.draw(TEXTS), organisation=data.draw(TEXTS)),
        at=EpochMs(data.draw(LONGS)),
        revision=data.draw(st.none() | LONGS),
        reason=data.draw(st.none() | st.sampled_from(AckReason)),
        disposition=data.draw(st.none() | st.sampled_from(Disposition)),
        shelve_s=data.draw(st.none() | LONGS),
        grade=data.draw(st.none() | st.sampled_from(Grade)),
        note=data.draw(st.none() | TEXTS),
    )
    sender = data.draw(st.sampled_from([VILLAGE, None]))
    given_ack = decode(encode(ack), Acknowledgement)
    made = ack_input(given_ack, ms(5)) if sender is None else ack_input(given_ack, ms(5), sender)
    (decision, *_) = line.push_entry(entry(made, offset=line.state.offset, append_ms=ms(5)))
    answer = result_of(decision)
    for alert in decision.alerts:
        assert alert.actor is not None
        assert is_fit(alert.actor.name)
        assert is_fit(alert.actor.organisation)
        assert is_fit(alert.note or "")
        assert len(alert.note or "") <= NOTE_LENGTH
        assert alert.vouched_organisation == (sender.organisation if sender else None)
    assert is_fit(answer.ack_id)
    assert len(answer.ack_id) <= NAME_LENGTH
    assert len(encode(decode(made.payload, AckFact))) < 8_192


# --- floods ---------------------------------------------------------------------------------------------------------


def waiting(topic: str, start: int) -> Batch:
    return Batch([consumed(b"", topic=topic, offset=start)], start, 1)


def test_a_flood_of_one_organisation_delays_each_other_one_by_one_turn_at_most() -> None:
    turns = Turns()
    turns.put(waiting("flood", number) for number in range(50_000))
    turns.put(waiting(f"org-{number}", 0) for number in range(29))
    first = Counter(turns.take().topic for _ in range(30))
    assert set(first) == {"flood", *(f"org-{number}" for number in range(29))}
    turns.put([waiting("org-3", 1)])
    assert "org-3" in {turns.take().topic for _ in range(2)}


def test_batches_of_one_topic_keep_their_order_and_none_is_lost() -> None:
    turns = Turns()
    for start in range(5):
        turns.put([waiting("a", start), waiting("b", start)])
    taken = [turns.take() for _ in range(4)]
    turns.put_back([each for each in taken if each.topic == "b"])
    rest = []
    while turns:
        rest.append(turns.take())
    assert [each.start for each in rest if each.topic == "b"] == [0, 1, 2, 3, 4]
    assert [each.start for each in [*taken, *rest] if each.topic == "a"] == [0, 1, 2, 3, 4]
    assert {each.place for each in rest} == {PartitionPlace("a", 0), PartitionPlace("b", 0)}


def test_thirty_organisations_that_flood_delay_the_next_one_by_less_than_a_second() -> None:
    """A turn of each is 4 records and 8 ms; before it lies what one poll takes of each in a round, and no more."""
    spec = WORKERS["alarms"].with_organisations(SITE)
    pace = spec.paces[spec.in_turns[0][0]]
    assert spec.in_turns == ((ACKS, *map(ack_topic, SITE.organisations)),)
    turns_s = 30 * pace.rest_s
    polls_s = 30 * IN_TURNS_IN_HAND / min(MOST, IN_TURNS_IN_HAND) * pace.rest_s
    assert turns_s + polls_s < 0.5


def test_without_organisations_the_worker_is_as_it_was() -> None:
    assert WORKERS["alarms"].with_organisations(AckSettings()) is WORKERS["alarms"]
    assert WORKERS["fusion"].with_organisations(SITE) is WORKERS["fusion"]
