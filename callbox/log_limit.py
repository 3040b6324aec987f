"""How many log lines a worker writes: a few of each event at once, then a few a second, and the rest is counted.

    a line ─► tokens of its kind and of all kinds ─► left: written
                                                  └► none: counted, and told every ten seconds by `log.suppressed`

Somebody who makes a worker complain a million times must not fill its disk. Time is an argument.
"""

from typing import Final, NamedTuple


class Rate(NamedTuple):
    """A token bucket.

    Attributes:
        burst: Lines that may come at once.
        per_s: Lines a second after that.
    """

    burst: float
    per_s: float


EACH_KIND: Final = Rate(burst=100, per_s=2)
"""A hundred lines show what is wrong; what comes after is the same again, and its number is told."""

ALL_KINDS: Final = Rate(burst=1_000, per_s=20)
"""About 6 kB a second, half a gigabyte a day: what a log that is rotated can take for as long as it lasts."""

MOST_KINDS: Final = 256
"""callbox has some 70 events. Texts of libraries may hold values, and so be without number."""

TOLD_AT_ONCE: Final = 20
"""The most kinds that are told by a line each; the others are told together."""

OTHERS: Final = "others"


class _Bucket:
    def __init__(self, rate: Rate, now: float) -> None:
        self._rate, self._tokens, self._at = rate, rate.burst, now

    def has_token(self, now: float) -> bool:
        """Fill up until now, and look."""
        passed = max(0.0, now - self._at)
        self._tokens, self._at = min(self._rate.burst, self._tokens + passed * self._rate.per_s), now
        return self._tokens >= 1

    def take(self) -> None:
        self._tokens -= 1

    def is_full(self, now: float) -> bool:
        return self.has_token(now) and self._tokens >= self._rate.burst


class LineLimit:
    """Which lines are written, and how many of each kind were not.

    Args:
        each: The rate of one kind.
        everything: The rate of all kinds together.
        most_kinds: How many kinds are told apart.
    """

    def __init__(
        self, each: Rate = EACH_KIND, everything: Rate = ALL_KINDS, most_kinds: int = MOST_KINDS
    ) -> None:
        self._each, self._most_kinds = each, most_kinds
        self._all = _Bucket(everything, 0.0)
        self._kinds: dict[str, _Bucket] = {}
        self._suppressed: dict[str, int] = {}
        self._tidied_at = float("-inf")

    def allows(self, kind: str, now: float, *, is_last: bool = False) -> bool:
        """Whether a line of this kind is written; if not, it is counted.

        Args:
            kind: What is told apart, such as an event.
            now: By a clock that never goes back, seconds.
            is_last: Whether it may be the last line of its process: the limit of all kinds does not hold for it.
        """
        kind = self._known(kind, now)
        bucket = self._kinds.get(kind)
        if bucket is None:
            bucket = self._kinds[kind] = _Bucket(self._each, now)
        if bucket.has_token(now) and (self._all.has_token(now) or is_last):
            bucket.take()
            if not is_last:
                self._all.take()
            return True
        self._suppressed[kind] = self._suppressed.get(kind, 0) + 1
        return False

    @property
    def has_suppressed(self) -> bool:
        """Whether there is anything to tell."""
        return bool(self._suppressed)

    def take_suppressed(self) -> dict[str, int]:
        """How many lines of each kind were not written since this was asked last, the most first."""
        taken, self._suppressed = self._suppressed, {}
        ranked = sorted(taken.items(), key=lambda item: -item[1])
        told = dict(ranked[:TOLD_AT_ONCE])
        if rest := sum(count for _, count in ranked[TOLD_AT_ONCE:]):
            told[OTHERS] = told.get(OTHERS, 0) + rest
        return told

    def _known(self, kind: str, now: float) -> str:
        """The kind itself, or `OTHERS` where there are too many kinds."""
        if kind in self._kinds or len(self._kinds) < self._most_kinds:
            return kind
        if now - self._tidied_at >= 1:
            self._tidied_at = now
            self._kinds = {name: each for name, each in self._kinds.items() if not each.is_full(now)}
        return kind if len(self._kinds) < self._most_kinds else OTHERS
