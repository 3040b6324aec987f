"""What came of acknowledgements that were sent together."""

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec

from schemas.ack import AckResult
from schemas.enums import AckOutcome, Reason


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many acknowledgements were answered how.

    Attributes:
        accepted: How many were accepted.
        rejected: How many were rejected, by reason.
        unanswered: How many had no answer in time.
    """

    accepted: int
    rejected: Mapping[Reason, int]
    unanswered: int

    def __str__(self) -> str:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.rejected.items())
        return (
            f"{self.accepted} accepted, {sum(self.rejected.values())} rejected"
            f"{f' ({reasons})' if reasons else ''}, {self.unanswered} without an answer"
        )


def tally_of(results: Iterable[AckResult], sent: int) -> Tally:
    """Count answers.

    Args:
        results: The answers that came, one at most for each acknowledgement. An outcome of a later release is
            counted as a rejection, since it is not known to be good.
        sent: How many acknowledgements were sent.
    """
    rejected: Counter[Reason] = Counter()
    accepted = 0
    for result in results:
        if result.outcome is AckOutcome.ACCEPTED:
            accepted += 1
        else:
            rejected[result.reason] += 1
    unanswered = sent - accepted - rejected.total()
    return Tally(accepted=accepted, rejected=dict(rejected.most_common()), unanswered=unanswered)
