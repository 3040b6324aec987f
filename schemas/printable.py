"""Text that anybody has made up, fit to be shown: it acts on no terminal, page or document, and is valid in XML 1.0.

Every text and id that comes from outside is cleaned by this module: by the intake, at the fold's door
(processors/fold/bounds.py), and where it is shown. What a terminal shows is held to more
(callbox/terminal/printable.py).
"""

import re
from typing import Final

_FIRST_PLANE: Final = (
    "\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff"  # control, separators of lines, surrogates
    "\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff"
    "\ufff0-\ufffb"  # format: no width, another direction
    "\ufdd0-\ufdef\ufffe\uffff"  # no characters
)

_OTHER_PLANES: Final = (
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e0fff"  # format, and tags
    + "".join(chr(plane | last) for plane in range(0x10000, 0x110000, 0x10000) for last in (0xFFFE, 0xFFFF))
)
"""The last two code points of each plane are no characters."""

# The lists are ours, not the interpreter's (`str.isprintable`, `unicodedata`), which follow its version of Unicode:
# every replica and every replay must decide alike. Joiners stay: words of several scripts are written with them.
_IN_FIRST_PLANE: Final = re.compile(f"[{_FIRST_PLANE}]")
_IN_OTHER_PLANES: Final = re.compile(f"[{_OTHER_PLANES}]")
_UNPRINTABLE: Final = re.compile(f"[{_FIRST_PLANE}{_OTHER_PLANES}]")
_BREAK: Final = re.compile("[\t-\r\x1c-\x1f\x85\u2028\u2029]")


def is_printable(text: str) -> bool:
    """Whether a text holds nothing that a terminal, a page or XML would take for anything but text."""
    if text.isascii():  # of ASCII every interpreter says the same
        return text.isprintable()
    if _IN_FIRST_PLANE.search(text) is not None:
        return False
    # Ranges above the first plane are slow to compare with, and seldom needed.
    return max(text) <= "\uffff" or _IN_OTHER_PLANES.search(text) is None


def as_printable(text: str) -> str:
    """The text itself where it is printable; else a text of the same length that is.

    What breaks a line is a space in it, and each other character that is not printable is U+FFFD.
    """
    if is_printable(text):
        return text
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", _BREAK.sub(" ", text))
