"""Evidence: the redacted picture of an observation."""

import msgspec

from schemas.units import EpochMs


class EvidenceSnapshot(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A redacted picture.

    Attributes:
        snapshot_id: Id of the observation that it belongs to.
        camera_id: The camera that took it.
        captured_at: When it was taken.
        jpeg: The redacted picture.
        sha256: Hash of `jpeg`, hexadecimal.
        width: Width, pixels.
        height: Height, pixels.
    """

    snapshot_id: str
    camera_id: str
    captured_at: EpochMs
    jpeg: bytes
    sha256: str
    width: int
    height: int
