"""Reads the plates of a picture and cuts them out; runs in the executor."""

from pathlib import Path

from models.plate_reading import PlateReader
from processors.plates.verification import SeenPlate
from processors.vision.jpeg import decode_jpeg, encode_jpeg

CROP_QUALITY = 90  # a person compares characters on it


class PlatePictures:
    """From JPEG bytes to plates.

    Args:
        cache: Where the model weights are.

    Raises:
        InputMissing: The weights are not there.
    """

    def __init__(self, cache: Path) -> None:
        self._reader = PlateReader(cache)

    def read(self, jpeg: bytes) -> tuple[SeenPlate, ...]:
        """Read every plate of a picture, be it a plate's crop or a vehicle's front.

        Raises:
            PictureError: The picture is empty, damaged, too large or not a JPEG.
        """
        return tuple(
            SeenPlate(
                text=plate.reading.text,
                is_certain=plate.reading.certain,
                jpeg=encode_jpeg(plate.crop, CROP_QUALITY),
            )
            for plate in self._reader.read_picture(decode_jpeg(jpeg))
        )
