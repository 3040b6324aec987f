"""Render the blue plate of mainland small vehicles, so that the demo has plates that the models really read.

Geometry in millimetres from GA 36-2018: 440 x 140, seven characters of 45 x 90 on a pitch of 57, a wider gap
with a dot after the second. The face is Noto Sans CJK in bold, stretched to the cell: near enough to the
plate's own for a reader, and openly licensed (OFL-1.1; `callbox models fetch` brings the wheel).
"""

from pathlib import Path
from typing import Final

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from callbox.demo.pictures.scenes import smooth_noise, with_noise
from processors.vision.boxes import Picture
from schemas.errors import InputMissing

PLATE_MM: Final = (440, 140)
CELL_MM: Final = (45, 90)
FIRST_MM, TOP_MM, PITCH_MM, DOT_GAP_MM = 15.5, 25.0, 57.0, 22.0  # the gap after the dot is 34 instead of 12
DOT_MM = (134.5, 70.0)  # between the second and the third character
DOT_RADIUS_MM = 5.0
BORDER_MM = (4.0, 7.0)  # inset and outer radius of the white line
SCREWS_MM: Final = ((110, 16), (330, 16), (110, 124), (330, 124))
PX_PER_MM = 4
BLUE: Final = (176, 76, 18)  # BGR
WHITE: Final = (240, 240, 240)
LENGTH = 7
SIMPLIFIED_CHINESE = 2  # index of the face in NotoSansCJK-VF.otf.ttc
BOLD = 700  # its weight axis goes from 100 to 900
NARROW: Final = frozenset("1I")  # they keep their shape; all others fill the cell


def render_plate(text: str, font: Path, *, width: int = 160, seed: int = 0) -> Picture:
    """Render a plate as a checkpoint's crop shows it: a little worn, a little blurred, a little noisy.

    Args:
        text: Province, letter and five letters or digits, with or without "·" after the second.
        font: The file NotoSansCJK-VF.otf.ttc.
        width: Of the crop in pixels; 94 to 190 are usual.
        seed: Of wear and noise.

    Returns:
        (H, width, 3) BGR, H about a third of the width.

    Raises:
        ValueError: The text has not seven characters.
        InputMissing: The font is not there or is another one.
    """
    characters = text.replace("·", "")
    if len(characters) != LENGTH:
        raise ValueError("a blue plate has seven characters")
    plate = _blank()
    face = _face(font)
    for place, character in enumerate(characters):
        left = FIRST_MM + PITCH_MM * place + (DOT_GAP_MM if place > 1 else 0)
        _paste(plate, _glyph(character, face), left)
    return _photographed(plate, width, np.random.default_rng(seed))


def _blank() -> Image.Image:
    plate = Image.new("RGB", _px(*PLATE_MM), BLUE[::-1])
    draw = ImageDraw.Draw(plate)
    inset, rounding = BORDER_MM
    corner = (PLATE_MM[0] - inset, PLATE_MM[1] - inset)
    draw.rounded_rectangle((*_px(inset, inset), *_px(*corner)), _px(rounding, 0)[0], outline=WHITE, width=10)
    for x, y in SCREWS_MM:
        draw.ellipse((*_px(x - 5, y - 3), *_px(x + 5, y + 3)), fill=(200, 205, 210))
    (dot_x, dot_y), radius = DOT_MM, DOT_RADIUS_MM
    draw.ellipse((*_px(dot_x - radius, dot_y - radius), *_px(dot_x + radius, dot_y + radius)), fill=WHITE)
    return plate


def _face(font: Path) -> ImageFont.FreeTypeFont:
    try:
        face = ImageFont.truetype(str(font), CELL_MM[1] * PX_PER_MM, index=SIMPLIFIED_CHINESE)
        face.set_variation_by_axes([BOLD])
    except OSError as error:
        raise InputMissing(f"{font.name}: not the font NotoSansCJK-VF.otf.ttc: {error}") from error
    return face


def _glyph(character: str, face: ImageFont.FreeTypeFont) -> Image.Image:
    """Draw one character as a mask of a cell's height, stretched to its width unless it is a narrow one."""
    left, top, right, bottom = (round(edge) for edge in face.getbbox(character))
    mask = Image.new("L", (right - left, bottom - top))
    ImageDraw.Draw(mask).text((-left, -top), character, fill=255, font=face)
    width, height = _px(*CELL_MM)
    if character in NARROW:
        width = min(width, round(mask.width * height / mask.height))
    return mask.resize((width, height), Image.Resampling.LANCZOS)


def _paste(plate: Image.Image, glyph: Image.Image, left_mm: float) -> None:
    x, y = _px(left_mm, TOP_MM)
    spare = _px(CELL_MM[0], 0)[0] - glyph.width
    plate.paste(WHITE, (x + spare // 2, y), glyph)


def _photographed(plate: Image.Image, width: int, rng: np.random.Generator) -> Picture:
    """Bring a clean plate to a crop's size with uneven light, a soft lens and a sensor's noise."""
    sharp = np.asarray(plate, dtype=np.uint8)[..., ::-1]
    height = round(width * PLATE_MM[1] / PLATE_MM[0])
    small = cv2.resize(sharp, (width, height), interpolation=cv2.INTER_AREA)
    soft = cv2.GaussianBlur(small, (0, 0), width / 320)
    light = 0.85 + 0.2 * smooth_noise((height, width), rng)
    return with_noise(np.asarray(np.clip(soft * light[..., None], 0, 255), dtype=np.uint8), rng, 3.0)


def _px(x_mm: float, y_mm: float) -> tuple[int, int]:
    return round(x_mm * PX_PER_MM), round(y_mm * PX_PER_MM)
