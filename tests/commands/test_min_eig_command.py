"""`mehler min-eig`: what it prints, and with which exit code."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sixty_points import POINTS

import mehler as mh
from mehler.__main__ import main


def test_min_eig_prints_what_the_library_gives(data: str, capsys: pytest.CaptureFixture[str]):
    argv = ["min-eig", data, "--activation", "elu(alpha=0.5)", "--normalize", "--json"]
    assert main([*argv, "--rows", "50", "--threads", "1", "--tol", "1e-8"]) == 0
    out = capsys.readouterr()
    found = json.loads(out.out)
    r = mh.min_eig(POINTS[:50], mh.activation("elu", alpha=0.5), normalize=True, tol=1e-8)
    assert found["value"] == pytest.approx(r.value, rel=1e-12)
    assert found["n"] == 50 and found["threads"] == 1 and found["tol"] == 1e-8
    assert found["activation"] == "elu(alpha=0.5)" and found["kernel"] == "gradient"
    assert "read 50 x 6 float64" in out.err


def test_min_eig_as_a_table(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["min-eig", data, "--quiet"]) == 0
    out = capsys.readouterr()
    assert "value" in out.out and "resolved" in out.out and out.err == ""


def test_kernel_options_reach_the_kernel(data: str, capsys: pytest.CaptureFixture[str]):
    options = ["--kernel", "nngp", "--weight-var", "2", "--bias-var", "0.5", "--normalize"]
    options += ["--activation", "tanh", "--method", "dense", "--precision", "double", "--json"]
    assert main(["min-eig", data, "--max-memory", "1GB", "--seed", "4", *options]) == 0
    r = mh.min_eig(POINTS, "tanh", kernel="nngp", weight_var=2.0, bias_var=0.5, normalize=True)
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx(r.value, rel=1e-9)


def test_depth_reaches_the_kernel(data: str, capsys: pytest.CaptureFixture[str]):
    options = ["--kernel", "ntk", "--depth", "3", "--weight-var", "2", "--json", "--quiet"]
    assert main(["min-eig", data, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    r = mh.min_eig(POINTS, "relu", kernel="ntk", depth=3, weight_var=2.0)
    assert found["value"] == pytest.approx(r.value, rel=1e-9) and found["depth"] == 3
    assert main(["plan", data, *options]) == 0
    assert json.loads(capsys.readouterr().out)["depth"] == 3


def test_not_resolved_is_3(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "c.npy", mh.generate("circle-full", 51, 2))
    line = ["min-eig", str(tmp_path / "c.npy"), "--activation", "swish", "--normalize"]
    assert main([*line, "--precision", "double"]) == 3
    out = capsys.readouterr()
    assert "rounding-limited" in out.out and "<=" in out.out
    assert "mehler: warning: not resolved" in out.err


@pytest.mark.parametrize("precision", ["auto", "extended", "exact"])
def test_below_double(tmp_path: Path, capsys: pytest.CaptureFixture[str], precision: str):
    if precision == "exact":
        pytest.importorskip("flint")
    np.save(tmp_path / "c.npy", mh.generate("circle-full", 51, 2))
    line = ["min-eig", str(tmp_path / "c.npy"), "--activation", "swish", "--quiet"]
    assert main([*line, "--precision", precision]) == 0
    assert re.search(r"value +6\.10682?\d*e-25", capsys.readouterr().out)
    if precision != "auto":
        assert main(["min-eig", str(tmp_path / "c.npy"), "--precision", precision]) == 2
        assert (
            f"--precision {precision} is for activations without kinks" in capsys.readouterr().err
        )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["none.npy"], "none.npy does not exist"),
        (
            ["{data}", "--activation", "tanh", "--precision", "extended"],
            "unit norm.*Pass --normalize",
        ),
        (["{data}", "--activation", "rellu"], "'rellu'.*relu"),
        (["{data}", "--activation", "elu(x)"], "expected a name, or a name with numbers"),
        (["{data}", "--activation", "elu(alpha="], "cannot read the activation"),
        (["{data}", "--param", "alpha"], "--param takes name=number, as in alpha=0.5; got 'alpha'"),
        (["{data}", "--param", "alpha=os"], "--param takes name=number"),
        (["{data}", "--param", "alpha=1"], "'relu' has no parameter 'alpha'"),
        (["{data}", "--rows", "61"], "rows=61 asked for, but x.npy holds 60"),
        (["{data}", "--rows", "0"], "rows must be >= 1"),
        (["{data}", "--tol", "-1"], "tol"),
        (["{data}", "--threads", "-2"], "threads must be >= 1"),
        (["{data}", "--max-memory", "much"], "--max-memory must be bytes or a text"),
        (["{data}", "--max-memory", "1kB"], "memory"),
        (["{data}", "--time-limit", "-1"], "--time-limit must be a number of seconds above 0"),
    ],
)
def test_bad_input_is_2_with_a_message(
    data: str, options: list[str], message: str, capsys: pytest.CaptureFixture[str]
):
    import re

    assert main(["min-eig", *(o.format(data=data) for o in options), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("mehler: error: ") and "Traceback" not in err
    assert re.search(message, err), err


def test_history_is_asked_for(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["min-eig", data, "--json", "--method", "lanczos", "--quiet"]) == 0
    assert "history" not in json.loads(capsys.readouterr().out)
    assert main(["min-eig", data, "--json", "--method", "lanczos", "--quiet", "--history"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["history"][-1][1] == pytest.approx(found["value"], rel=1e-6)
    assert found["seed"] == 0 and found["normalize"] is False


def test_raw_pixels_get_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pixels = tmp_path / "pixels.npy"
    np.save(pixels, np.random.default_rng(0).integers(0, 255, (30, 8), dtype=np.uint8))
    assert main(["min-eig", str(pixels)]) == 0
    assert "--normalize makes them 1" in capsys.readouterr().err
    assert main(["min-eig", str(pixels), "--normalize"]) == 0
    assert "--normalize" not in capsys.readouterr().err


def test_a_process_of_its_own(tmp_path: Path):
    np.save(tmp_path / "x.npy", POINTS)
    run = [sys.executable, "-m", "mehler"]
    done = subprocess.run(
        [*run, "min-eig", "x.npy", "--json"], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0 and json.loads(done.stdout)["status"] == "resolved"
    done = subprocess.run([*run, "min-eig", "y.npy"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.startswith("mehler: error: y.npy does not exist")
