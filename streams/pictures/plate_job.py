"""The job of a picture process of `plates`: reads the plates of a picture and cuts them out."""

from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from models.plate_reading import PlateReader
from processors.vision.jpeg import decode_jpeg, encode_jpeg
from streams.pictures.messages import PlatesReply, PlatesRequest, WirePlate

CROP_QUALITY: Final = 90  # a person compares characters on it

_REQUESTS: Final = msgspec.msgpack.Decoder(PlatesRequest)


class PlateJob:
    """From JPEG bytes to plates.

    Args:
        cache: Where the model weights are.

    Raises:
        InputMissing: The weights are not there.
    """

    missing = ""

    def __init__(self, cache: Path) -> None:
        self._reader = PlateReader(cache)

    def warm_up(self) -> None:
        """Look at a scene and at a crop, as far as noise has plates."""
        noise = np.random.default_rng(1).integers(0, 256, (288, 512, 3), dtype=np.uint8)
        for picture in (noise, noise[:48, :192], noise[:, :96]):
            self._read(encode_jpeg(np.ascontiguousarray(picture), 90))

    def answer(self, request: bytes) -> PlatesReply:
        """Read every plate of a picture, be it a plate's crop or a vehicle's front."""
        return self._read(_REQUESTS.decode(request).jpeg)

    def _read(self, jpeg: bytes) -> PlatesReply:
        return PlatesReply(
            tuple(
                WirePlate(plate.reading.text, plate.reading.certain, encode_jpeg(plate.crop, CROP_QUALITY))
                for plate in self._reader.read_picture(decode_jpeg(jpeg))
            )
        )
