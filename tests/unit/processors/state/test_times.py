"""Times that cannot be true are not believed, whoever has written them."""

import pytest

from processors.state.times import AHEAD_MS, believed
from schemas.units import EpochMs

NOW = EpochMs(1_760_000_000_000)


@pytest.mark.parametrize("at", [1, NOW - 86_400_000, NOW, NOW + AHEAD_MS])
def test_a_time_up_to_now_is_believed(at: int) -> None:
    assert believed(EpochMs(at), NOW) == at


@pytest.mark.parametrize("at", [-(2**63), -1, 0, NOW + AHEAD_MS + 1, 2**63 - 1])
def test_a_time_that_cannot_be_true_is_not(at: int) -> None:
    assert believed(EpochMs(at), NOW) is None


def test_no_time_is_none() -> None:
    assert believed(None, NOW) is None
