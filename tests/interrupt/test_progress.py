"""Progress: on stderr alone, by tqdm or in lines."""

from __future__ import annotations

import subprocess
import sys

import pytest
from children import HEAD, PATIENCE

from mehler._progress import Reporter


@pytest.mark.parametrize("tqdm_there", [True, False])
def test_progress_goes_to_stderr_alone(tqdm_there):
    code = HEAD + ("" if tqdm_there else "sys.modules['tqdm'] = None\n")
    code += """
X = sphere(3000, 500)
r = mh.min_eig(X, method="lanczos", precision="double", threads=1, rng=0, progress=True)
assert r.status == "resolved", r
mh.gram(X, threads=1, progress=True)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert "Error" not in done.stderr
    if tqdm_there:
        assert "fill" in done.stderr


def test_progress_without_tqdm_prints_lines(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with Reporter(True, None, scale=2.0) as report:
        ask = report.ask
        assert ask is not None
        for done in range(5):
            ask("fill", done, 10, 0.0, 0.0)  # too early for a line
        report.start -= 3.0
        ask("fill", 7, 10, 0.0, 0.0)
        report.start -= 3.0
        ask("lanczos", 40, 0, 0.25, 1e-3)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == ["fill 7/10  3 s", "lanczos 40  value 0.5  residual 2.0e-03  6 s"]


def test_progress_with_tqdm(capsys):
    with Reporter(True, None) as report:
        assert report.ask is not None
        report.ask("fill", 7, 10, 0.0, 0.0)
        report.ask("lanczos", 40, 0, 0.25, 1e-3)
    out, err = capsys.readouterr()
    assert out == ""
    assert "fill" in err
    assert "lanczos" in err


def test_nobody_listens_by_default():
    assert Reporter(None, None).ask is None
    assert Reporter(False, None).ask is None
