"""Evidence: the redacted picture of an observation."""

import msgspec

from schemas.units import EpochMs


class EvidenceSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A redacted picture.

    Attributes:
        snapshot_id: Equal to the observation it belongs to.
        camera_id: Who took it.
        captured_at: When.
        jpeg: The redacted picture.
        sha256: Of `jpeg`, hexadecimal.
        width: Pixels.
        height: Pixels.
    """

    snapshot_id: str
    camera_id: str
    captured_at: EpochMs
    jpeg: bytes
    sha256: str
    width: int
    height: int
