"""The file of points that tests of this folder read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sixty_points import POINTS


@pytest.fixture
def data(tmp_path: Path) -> str:
    np.save(tmp_path / "x.npy", POINTS)
    return str(tmp_path / "x.npy")
