"""The CPU work of a picture worker without a broker: frames are decoded for ever, as SCHED_IDLE.

python -m benchmarks.beside_pictures.burner   (until killed)
"""

import os

import cv2
import numpy as np

from benchmarks.support import backlog
from schemas.codec import decode
from schemas.feeds import CameraFrame


def burn() -> None:
    """Decode one frame again and again, in one thread."""
    os.nice(19)
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    cv2.setNumThreads(1)
    (record,) = backlog.frames(1)
    jpeg = np.frombuffer(decode(record.value or b"", CameraFrame).jpeg, np.uint8)
    while True:
        cv2.imdecode(jpeg, cv2.IMREAD_COLOR)


if __name__ == "__main__":
    burn()
