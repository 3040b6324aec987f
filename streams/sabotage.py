"""Guarantees broken on purpose, so that the chaos bench is known to see damage. Tests and benches only.

`CALLBOX_SABOTAGE=skip-restore` makes this process break one guarantee. The variable is read once, when the process
starts; without it a place costs one comparison a batch. A name that is not known ends the process.
"""

import os
from collections.abc import Mapping
from enum import StrEnum
from typing import Final

VARIABLE: Final = "CALLBOX_SABOTAGE"


class Sabotage(StrEnum):
    """What is broken.

    Attributes:
        ACK_BEFORE_DELIVERY: A batch is acked while its records still wait in the process.
        SKIP_RESTORE: A new owner begins with an empty state at the committed offset.
        RANDOM_IDS: Alerts and incidents get ids that no replay can find again.
    """

    ACK_BEFORE_DELIVERY = "ack-before-delivery"
    SKIP_RESTORE = "skip-restore"
    RANDOM_IDS = "random-ids"


def asked_for(environment: Mapping[str, str]) -> Sabotage | None:
    """What the environment asks for.

    Raises:
        ValueError: It asks for something that is not known.
    """
    name = environment.get(VARIABLE)
    return Sabotage(name) if name else None


SABOTAGE: Final = asked_for(os.environ)
"""What this process breaks: None, unless a bench asked for it."""

LATER_S: Final = 2.0
"""With ACK_BEFORE_DELIVERY records wait so long: longer than a commit interval, so that a kill finds them acked."""
