"""The page runs, and what it says of the answers holds."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "diagnosis.md"


def test_the_page_runs_and_is_true(capsys: pytest.CaptureFixture[str]):
    blocks = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    names: dict = {}
    exec("\n".join(blocks), names)
    out = capsys.readouterr().out
    assert "parity risk" in out and "lambda_min without it" in out
    seen, a, mh = names["seen"], names["a"], names["mh"]
    assert [(k.at, k.order, round(k.size, 6)) for k in seen.kinks] == [
        (0.0, 1, 0.9),
        (1.0, 3, 12.0),
    ]
    assert round(mh.diagnose(activation="tanh").activation.strip, 3) == 1.572
    nested = dict(a.nested)
    assert a.rows[0].cosine == pytest.approx(-0.9985, abs=1e-4)
    assert sum(r.weight for r in a.rows[:2]) == pytest.approx(0.94, abs=0.005)
    assert nested[2] == pytest.approx(0.49, abs=0.005)
    assert nested[32] == pytest.approx(0.011, abs=0.0005)
    assert a.value == pytest.approx(0.0094, abs=5e-5)
    assert a.rows[0].without_lower == pytest.approx(0.0124, abs=5e-5)
