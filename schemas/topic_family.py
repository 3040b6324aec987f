"""Topics of one record that belong to one sender each: a base topic, a dot, and the sender's name.

The broker vouches for who may write a topic, and for nothing in a record. So the topic says who has sent a record, and
each sender has a principal that may write its own topic only.
"""

import re
from typing import Final

NAME_LENGTH: Final = 64
"""The longest name of a sender, characters. Kafka takes names of topics of up to 249."""

NAME_RULE: Final = f"letters, digits and dashes inside, at most {NAME_LENGTH}, and not dlq"

_NAME: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?", re.ASCII)
"""No dot and no underscore: Kafka's metrics take one for the other, and `.dlq` ends the name of another topic."""


def is_member_name(name: str) -> bool:
    """Whether a sender with a topic of its own may be called this."""
    return len(name) <= NAME_LENGTH and _NAME.fullmatch(name) is not None and name.lower() != "dlq"


def member_topic(base: str, name: str) -> str:
    """The topic of a sender; the base topic for none.

    Raises:
        ValueError: No sender may be called this.
    """
    if not name:
        return base
    if not is_member_name(name):
        raise ValueError(f"found {name!r}, allowed are {NAME_RULE}")
    return f"{base}.{name}"


def member_of(base: str, topic: str) -> str | None:
    """Whose topic it is; empty for the base topic, None for a topic of another family."""
    if topic == base:
        return ""
    name = topic.removeprefix(f"{base}.")
    return name if name != topic and is_member_name(name) else None
