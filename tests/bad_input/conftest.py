"""Everything that takes points, one after the other."""

import pytest
from runs import RUNS


@pytest.fixture(params=RUNS)
def run(request):
    return RUNS[request.param]
