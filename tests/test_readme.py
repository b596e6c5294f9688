"""The code of the README and of CONTRIBUTING runs, as a reader would type it.

Numbers in comments behind what prints them are compared (run_page); what else must hold stands in the blocks as ``assert``.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[str]:
    return BLOCK.findall((ROOT / page).read_text(encoding="utf-8"))


def command(which: str) -> str:
    """The shell block below ``<!-- command: which -->``."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    match = re.search(rf"<!-- command: {which} -->\n```sh\n(.*?)\n```", text, re.DOTALL)
    assert match, f"README.md has no ```sh block below <!-- command: {which} -->"
    return match[1]


def run(code: str, folder: Path) -> str:
    """Run a script in an interpreter and a folder of its own; what it printed."""
    script = folder / "script.py"
    script.write_text(code, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_readme_runs_and_prints_what_it_says(tmp_path: Path):
    assert blocks("README.md"), "README.md has no ```python block"
    done = subprocess.run(
        [sys.executable, str(ROOT / "tests" / "run_page.py"), str(ROOT / "README.md")],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, f"{done.stderr}\n{done.stdout}"
    assert "lambda_min" in done.stdout, "the README's code prints something"


def test_adding_an_activation_is_what_contributing_says(tmp_path: Path):
    (entry,) = blocks("CONTRIBUTING.md")
    check = """
import numpy as np
import mehler as mh

z = np.linspace(-3.0, 3.0, 13)
act = mh.activation("snake", a=2.0)
slope = (act(z + 1e-6) - act(z - 1e-6)) / 2e-6
np.testing.assert_allclose(act.derivative()(z), slope, atol=1e-8)
assert "snake" in mh.activations()

# E[phi'(u) phi'(v)] = 1 + E[sin 4u sin 4v] = 1 + exp(-16) sinh(16 rho)
rho = np.linspace(-1.0, 1.0, 9)
exact = rho * (1.0 + np.exp(-16.0) * np.sinh(16.0 * rho))
np.testing.assert_allclose(mh.gradient_kernel(act)(rho), exact, atol=1e-14)
"""
    inside = "from mehler.activations import catalogue as page\nglobals().update(vars(page))\n"
    run(inside + entry + check, tmp_path)


def test_the_two_commands_set_up_everything_themselves():
    for which, last in (("study", "-m mehler study"), ("tests", "-m pytest")):
        words = command(which)
        assert "-m venv" in words and "pip install" in words, words
        assert words.rstrip().endswith(last), words
    # the gate runs the last line last, when all else has used what the lines before it installed
    install, tests = command("tests").splitlines()
    assert "pip install" in install and "pytest" not in install
    assert "pip" not in tests
