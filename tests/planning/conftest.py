"""Plans of a machine of known rates."""

from __future__ import annotations

import pytest

from mehler.planning.cost import NOMINAL
from mehler.planning.rates import given


@pytest.fixture(autouse=True)
def machine():
    """A machine of known rates: nothing here depends on the clock."""
    with given(NOMINAL):
        yield
