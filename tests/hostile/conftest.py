"""Picture processes that several modules share; each module starts its own."""

from collections.abc import Iterator

import pytest

from streams.pictures.frame_pictures import FramePictures
from streams.pictures.pool import PicturePool
from streams.worker.metrics import Metrics
from tests.support.picture_pools import probing


@pytest.fixture(scope="module")
def probe() -> Iterator[PicturePool]:
    """A picture process that does what it is told, for tests that do not end it."""
    with probing() as (pool, _):
        yield pool


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FramePictures]:
    """The shipped picture process of `frames`, without models: it redacts nothing."""
    pictures = FramePictures(tmp_path_factory.mktemp("no models"), 1, Metrics())
    yield pictures
    pictures.close()
