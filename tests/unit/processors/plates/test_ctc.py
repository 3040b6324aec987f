from collections.abc import Sequence
from itertools import groupby, product

import numpy as np
import pytest

from processors.plates.consensus import NOTHING_LEGIBLE, read_plate
from processors.plates.ctc import FLOOR, Lattice, spell
from processors.plates.grammar import ALPHABET, MAINLAND, Grammar, PlateSeries

TINY_SYMBOLS = 4  # blank and three


def tiny(*forms: Sequence[tuple[int, ...]]) -> Grammar:
    """A grammar over three symbols; a form lists the symbols that are allowed at each position."""
    allowed = np.zeros((len(forms), max(map(len, forms)), TINY_SYMBOLS))
    for form, positions in enumerate(forms):
        for position, symbols in enumerate(positions):
            allowed[form, position, list(symbols)] = 1
    return Grammar(tuple(PlateSeries.OPEN for _ in forms), allowed, tuple(map(len, forms)))


def written(path: tuple[int, ...]) -> tuple[int, ...]:
    """The text that a CTC path writes: repeats merged, blanks dropped."""
    return tuple(symbol for symbol, _ in groupby(path) if symbol != 0)


def brute_force(lattice: Lattice, positions: list[tuple[int, ...]]) -> tuple[float, np.ndarray]:
    """Likelihood and posteriors of one form, by enumerating every path."""
    total, posteriors = 0.0, np.zeros((len(positions), TINY_SYMBOLS))
    for path in product(range(TINY_SYMBOLS), repeat=len(lattice)):
        text = written(path)
        if len(text) == len(positions) and all(
            c in allowed for c, allowed in zip(text, positions, strict=True)
        ):
            chance = float(np.prod([lattice[frame, symbol] for frame, symbol in enumerate(path)]))
            total += chance
            for position, symbol in enumerate(text):
                posteriors[position, symbol] += chance
    return total, posteriors / total


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("form", [[(1, 2, 3)], [(1, 2), (1, 2)], [(1,), (1, 2, 3), (2, 3)]])
def test_the_sums_are_those_of_every_single_path(seed: int, form: list[tuple[int, ...]]) -> None:
    lattice = np.random.default_rng(seed).dirichlet(np.ones(TINY_SYMBOLS), size=6)
    spelling = spell(lattice, tiny(form))
    total, posteriors = brute_force(lattice + FLOOR, form)
    assert spelling.log_likelihoods[0] == pytest.approx(np.log(total))
    assert spelling.posteriors[0] == pytest.approx(posteriors)


def test_forms_of_different_length_do_not_disturb_each_other() -> None:
    lattice = np.random.default_rng(0).dirichlet(np.ones(TINY_SYMBOLS), size=9)
    short, long = [(1, 2)], [(1,), (2,), (1, 2, 3)]
    both = spell(lattice, tiny(short, long))
    assert both.log_likelihoods[0] == pytest.approx(spell(lattice, tiny(short)).log_likelihoods[0])
    assert both.posteriors[1] == pytest.approx(spell(lattice, tiny(long)).posteriors[0])
    assert both.posteriors[0, 1:].sum() == 0


def test_two_equal_characters_need_a_blank_between_them() -> None:
    double = tiny([(1,), (1,)])
    apart = np.eye(TINY_SYMBOLS)[[1, 0, 1]]
    merged = np.eye(TINY_SYMBOLS)[[1, 1, 1]]
    assert spell(apart, double).log_likelihoods[0] == pytest.approx(0, abs=1e-4)
    assert spell(merged, double).log_likelihoods[0] < -10


def test_a_lattice_that_is_too_short_or_of_another_alphabet_is_refused() -> None:
    with pytest.raises(ValueError, match="cannot write this grammar"):
        spell(np.full((2, TINY_SYMBOLS), 0.25), tiny([(1,), (2,), (3,)]))
    with pytest.raises(ValueError, match="cannot write this grammar"):
        spell(np.full((20, TINY_SYMBOLS), 0.25), MAINLAND)


def lattice_of(text: str, doubts: dict[int, str] | None = None, *, sure: float = 0.97) -> Lattice:
    """A reader's lattice: blank, character, blank, and so on; `doubts` gives the second choice at a place."""
    rows = []
    for place, character in enumerate(text):
        row = np.full(1 + len(ALPHABET), (1 - sure) / (1 + len(ALPHABET)))
        if doubts and place in doubts:
            row[[1 + ALPHABET.index(character), 1 + ALPHABET.index(doubts[place])]] += [0.5, sure - 0.5]
        else:
            row[1 + ALPHABET.index(character)] += sure
        blank = np.full_like(row, (1 - sure) / len(row))
        blank[0] += sure
        rows += [blank, row, row]
    return np.array([*rows, rows[0]])


def test_readers_that_agree_are_certain() -> None:
    reading = read_plate(lattice_of("皖A12345"), lattice_of("皖A12345"))
    assert (reading.text, reading.certain, reading.series) == ("皖A12345", True, PlateSeries.ORDINARY)
    assert reading.confidence is not None
    assert reading.confidence > 0.99


def test_a_doubt_of_one_reader_is_settled_by_the_other() -> None:
    reading = read_plate(lattice_of("鄂A12345", {0: "皖"}, sure=0.95), lattice_of("皖A12345"))
    assert reading.text == "皖A12345"
    assert reading.certain


def test_readers_that_disagree_about_the_serial_are_not_certain() -> None:
    reading = read_plate(lattice_of("皖A12345", sure=0.99), lattice_of("皖A12346", sure=0.9))
    assert not reading.certain


def test_readers_that_contradict_each_other_about_the_province_are_not_certain() -> None:
    reading = read_plate(lattice_of("鄂A12345"), lattice_of("皖A12345"))
    assert reading.text[1:] == "A12345"
    assert not reading.certain


def test_the_grammar_rules_out_a_text_that_no_plate_can_have() -> None:
    # The fourth place of a new-energy plate may be a letter, the fifth may not.
    reading = read_plate(lattice_of("粤AD1Z345", {4: "2"}), lattice_of("粤AD1Z345", {4: "2"}))
    assert reading.text == "粤AD12345"
    assert reading.series is PlateSeries.NEW_ENERGY


def test_a_foreign_plate_is_read_openly_and_never_certain() -> None:
    reading = read_plate(lattice_of("BMOI4711"), lattice_of("8M014711", sure=0.5))
    assert (reading.text, reading.certain, reading.series) == ("BMOI4711", False, PlateSeries.OPEN)


def test_noise_is_no_text() -> None:
    noise = np.random.default_rng(1).dirichlet(np.full(1 + len(ALPHABET), 0.05), size=30)
    assert read_plate(noise, noise[::-1]) == NOTHING_LEGIBLE


def test_every_province_has_the_same_chance_beforehand() -> None:
    level = lattice_of("皖A12345")
    provinces = [1 + ALPHABET.index(symbol) for symbol in "皖京藏琼"]
    level[1:3] = 0
    level[1:3, provinces] = 0.25
    posteriors = spell(level, MAINLAND).posteriors[0, 0, provinces]
    assert posteriors == pytest.approx([0.25] * 4, abs=1e-3)
