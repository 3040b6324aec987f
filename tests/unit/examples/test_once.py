"""What a consumer of two replicas knows: each message once, and two contents under one id as an error."""

import ast
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from examples.once import Once, Sight
from tests.support.paths import ROOT

FILE = ROOT / "examples" / "once.py"


def test_the_first_is_new_and_the_second_with_the_same_bytes_is_a_repeat() -> None:
    once = Once()
    assert once.see("a", b"press", 0) is Sight.NEW
    assert once.see("a", b"press", 1) is Sight.REPEAT
    assert once.see("b", b"press", 2) is Sight.NEW


def test_two_contents_under_one_id_are_a_conflict_and_the_first_counts() -> None:
    once = Once()
    once.see("a", b"press", 0)
    assert once.see("a", b"another", 1) is Sight.CONFLICT
    assert once.see("a", b"press", 2) is Sight.REPEAT
    assert once.see("a", b"another", 3) is Sight.CONFLICT


def test_no_more_is_remembered_than_was_asked_for_and_the_oldest_goes_first() -> None:
    once = Once(most=2)
    for number, message_id in enumerate("abc"):
        once.see(message_id, b"", number)
    assert len(once) == 2
    assert once.see("c", b"", 3) is Sight.REPEAT
    assert once.see("b", b"", 3) is Sight.REPEAT
    assert once.see("a", b"", 3) is Sight.NEW


def test_an_id_is_forgotten_when_its_time_is_over_and_a_repeat_does_not_renew_it() -> None:
    once = Once(for_s=10)
    once.see("a", b"", 0)
    assert once.see("a", b"", 9.9) is Sight.REPEAT
    assert once.see("a", b"", 10) is Sight.NEW
    once.see("b", b"", 25)
    assert len(once) == 1


@pytest.mark.parametrize(("most", "for_s"), [(0, 1.0), (1, 0.0)])
def test_a_memory_that_holds_nothing_is_refused(most: int, for_s: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Once(most, for_s)


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.binary(max_size=2)), max_size=30))
def test_whatever_order_two_copies_come_in_each_id_is_new_once(messages: list[tuple[str, bytes]]) -> None:
    once, first = Once(), dict[str, bytes]()
    for message_id, content in messages:
        wanted = Sight.NEW if message_id not in first else Sight.REPEAT
        if first.setdefault(message_id, content) != content:
            wanted = Sight.CONFLICT
        assert once.see(message_id, content, 0) is wanted


def test_the_file_to_copy_needs_the_standard_library_only() -> None:
    imports = [
        node for node in ast.walk(ast.parse(FILE.read_text("utf-8"))) if isinstance(node, ast.ImportFrom)
    ]
    assert {node.module for node in imports} <= set(sys.stdlib_module_names)
