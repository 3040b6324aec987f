"""Reads a CTC lattice under a grammar: how probable each form is, and which character is at each position.

A reader gives T frames, each a distribution over blank and symbols. A path writes a text by visiting its characters
in order, staying on each for some frames, with blanks between them (required between two equal ones).
The forward pass sums the paths up to a frame, the backward pass those after it:

    start ─► c₁ ─► c₂ ─► … ─► cₗ         from a frame to the next: stay, take a blank, or go on
      └─► blank ─► blank ─► … ─► blank    from c to c' directly only if c' is not c

Both together give the posterior of every character at every position. This is more than Viterbi's best path gives, and
two readers can be combined by it. All forms of a grammar are computed in one array.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from processors.plates.grammar import BLANK, Grammar

Lattice: TypeAlias = NDArray[
    np.float64
]  # (T, C) probability of each symbol at each frame; column 0 the blank
Floats: TypeAlias = NDArray[np.float64]

FLOOR = 1e-6
"""Added to every probability: a frame that gives a symbol 0 would otherwise exclude every text that contains it."""


@dataclass(frozen=True, slots=True)
class Spelling:
    """The result of reading a lattice under a grammar of K forms.

    Attributes:
        log_likelihoods: (K,) natural logarithm of the probability that the lattice writes any text of the form.
        posteriors: (K, P, C) probability of each symbol at each position, given the form; 0 past its length.
    """

    log_likelihoods: Floats
    posteriors: Floats


@dataclass(frozen=True, slots=True)
class _Passed:
    """The result of the forward pass. `entered` (T, K, P, C) sums the paths whose character begins at a frame."""

    entered: Floats
    scales: Floats  # (T, K)
    ended: Floats  # (K,)


def spell(lattice: Lattice, grammar: Grammar) -> Spelling:
    """Compute the probability of every text that a grammar allows.

    Args:
        lattice: (T, C) probabilities; T is at least the length of the longest form.
        grammar: The forms.

    Returns:
        Log-likelihoods and posteriors of the forms.

    Raises:
        ValueError: The lattice has fewer frames than a form has characters, or another alphabet.
    """
    frames, symbols = lattice.shape
    if symbols != grammar.allowed.shape[2] or frames < max(grammar.lengths):
        raise ValueError(f"a lattice of {frames} frames and {symbols} symbols cannot write this grammar")
    floored = lattice + FLOOR
    forward = _forward(floored, grammar)
    log_likelihoods = np.log(forward.scales).sum(axis=0) + np.log(forward.ended)
    return Spelling(log_likelihoods, _posteriors(floored, grammar, forward))


def _forward(lattice: Lattice, grammar: Grammar) -> _Passed:
    forms, positions, symbols = grammar.allowed.shape
    inside = np.zeros((forms, positions, symbols))  # paths that are on a character
    after = np.zeros((forms, positions + 1))  # paths that are on a blank after this many characters
    after[:, 0] = 1
    entered = np.empty((len(lattice), forms, positions, symbols))
    scales = np.empty((len(lattice), forms))
    for frame, chances in enumerate(lattice):
        totals = inside.sum(axis=2)
        coming = np.repeat(after[:, :-1, None], symbols, axis=2)
        coming[:, 1:] += totals[:, :-1, None] - inside[:, :-1]
        coming *= grammar.allowed * chances
        after[:, 1:] += totals
        after = after * chances[BLANK]
        inside = inside * chances + coming
        scale = inside.sum(axis=(1, 2)) + after.sum(axis=1)
        inside /= scale[:, None, None]
        after /= scale[:, None]
        entered[frame] = coming / scale[:, None, None]
        scales[frame] = scale
    last = np.array(grammar.lengths)
    every = np.arange(forms)
    return _Passed(entered, scales, inside[every, last - 1].sum(axis=1) + after[every, last])


def _posteriors(lattice: Lattice, grammar: Grammar, forward: _Passed) -> Floats:
    forms, positions, symbols = grammar.allowed.shape
    last = np.array(grammar.lengths)
    every = np.arange(forms)
    inside = np.zeros((forms, positions, symbols))  # for paths on a character: the sum of continuations
    inside[every, last - 1] = 1
    after = np.zeros((forms, positions + 1))
    after[every, last] = 1
    found = forward.entered[-1] * inside
    for frame in range(len(lattice) - 1, 0, -1):
        chances, scale = lattice[frame], forward.scales[frame]
        entering = grammar.allowed * chances * inside
        totals = entering.sum(axis=2)
        blank = after * chances[BLANK]
        inside = inside * chances + blank[:, 1:, None]
        inside[:, :-1] += totals[:, 1:, None] - entering[:, 1:]
        after = blank
        after[:, :-1] += totals
        inside /= scale[:, None, None]
        after /= scale[:, None]
        found += forward.entered[frame - 1] * inside
    posteriors: Floats = found / forward.ended[:, None, None]
    return posteriors
