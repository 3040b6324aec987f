"""What two readers say together about one plate.

    lattice of reader A ──spell──┐
                                 ├─► form with the best joint likelihood ─► posteriors multiplied ─► text, gate
    lattice of reader B ──spell──┘
                                 └─► reader B finds no form: reader A under the open grammar, never certain

The readers err differently: A, a general reader, mixes up provinces; B, a reader of Chinese plates, loses thin and
doubled characters. Multiplying their posteriors is what independent witnesses ask for. Nothing here knows which
provinces, regions or lengths are frequent: every text of a form is equally likely beforehand.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from processors.plates.ctc import Floats, Lattice, Spelling, spell
from processors.plates.grammar import ALPHABET, MAINLAND, OPEN, Grammar, PlateSeries, normalise_plate_text

__all__ = ["NOTHING_LEGIBLE", "PlateReading", "PlateSeries", "normalise_plate_text", "read_plate"]

READER_ERROR: Final = 0.01
"""Share of a reader's posterior that is spread over all symbols: no reader can veto a character alone. The figure
hardly matters: from 1e-9 to 0.1 the exact rate on 500 crops moved by 0.002."""

CONFIDENT: Final = 0.95
"""Confidence from which on a reading whose serial both readers agree on is certain. The confidence is never more
than the province's posterior. On the 500 real crops that it was chosen on: 93 % covered, none of them wrong."""

FOREIGN_LOG_LIKELIHOOD: Final = -6.0
"""Reader B's likelihood (natural logarithm) under the mainland grammar below which reader A may say that a plate is
none of these. 120 rendered European plates: all below -6.9; 500 real Chinese crops: all above -4.6."""

LEGIBLE: Final = 0.05
"""Confidence from which on an open reading is a text. On 63 cuts of street, noise and black: all below 0.01."""


@dataclass(frozen=True, slots=True)
class PlateReading:
    """A plate's text as far as pixels tell it.

    Attributes:
        text: Normalised; empty where nothing is legible.
        confidence: Probability in [0, 1] that the whole text is right, or None where it is unknown.
        certain: Both readers agree on the serial and the confidence passes the gate.
        series: Which grammar it was read with; `UNKNOWN` where the text is empty.
    """

    text: str
    confidence: float | None
    certain: bool
    series: PlateSeries


NOTHING_LEGIBLE: Final = PlateReading(text="", confidence=None, certain=False, series=PlateSeries.UNKNOWN)


def read_plate(a: Lattice, b: Lattice) -> PlateReading:
    """Combine two readers.

    Args:
        a: (T, C) of the general reader, over the plate alphabet.
        b: (T, C) of the reader of Chinese plates.

    Returns:
        The reading.

    Raises:
        ValueError: A lattice has too few frames or another alphabet.
    """
    of_a, of_b = spell(a, MAINLAND), spell(b, MAINLAND)
    if float(of_b.log_likelihoods.max()) < FOREIGN_LOG_LIKELIHOOD:
        opened = spell(a, OPEN)
        if opened.log_likelihoods.max() > of_a.log_likelihoods.max():
            return _openly(opened)
    return _jointly(of_a, of_b)


def _jointly(a: Spelling, b: Spelling) -> PlateReading:
    form = int((a.log_likelihoods + b.log_likelihoods).argmax())
    length = MAINLAND.lengths[form]
    product = _doubted(a.posteriors[form, :length], form) * _doubted(b.posteriors[form, :length], form)
    posteriors = product / product.sum(axis=1, keepdims=True)
    confidence = float(posteriors.max(axis=1).prod())
    agree = _best_text(a, MAINLAND)[1:] == _best_text(b, MAINLAND)[1:]
    return PlateReading(
        text=_text(posteriors),
        confidence=confidence,
        certain=agree and confidence > CONFIDENT,
        series=MAINLAND.series[form],
    )


def _openly(opened: Spelling) -> PlateReading:
    form = int(opened.log_likelihoods.argmax())
    posteriors = opened.posteriors[form, : OPEN.lengths[form]]
    # The chance that the text has this form at all counts here: nothing else vouches for it.
    confidence = float(posteriors.max(axis=1).prod() * np.exp(min(0.0, opened.log_likelihoods[form])))
    if confidence < LEGIBLE:
        return NOTHING_LEGIBLE
    return PlateReading(_text(posteriors), confidence, certain=False, series=PlateSeries.OPEN)


def _doubted(posteriors: Floats, form: int) -> Floats:
    allowed = MAINLAND.allowed[form, : len(posteriors)]
    spread = allowed / allowed.sum(axis=1, keepdims=True)
    doubted: Floats = (1 - READER_ERROR) * posteriors + READER_ERROR * spread
    return doubted


def _best_text(spelling: Spelling, grammar: Grammar) -> str:
    form = int(spelling.log_likelihoods.argmax())
    return _text(spelling.posteriors[form, : grammar.lengths[form]])


def _text(posteriors: Floats) -> str:
    return "".join(ALPHABET[symbol - 1] for symbol in posteriors.argmax(axis=1))
