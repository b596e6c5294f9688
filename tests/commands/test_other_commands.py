"""Describe, diagnose, attribute, spectrum, bounds, explain, info, activations: the command prints what the function gives."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from sixty_points import POINTS

import mehler as mh
from mehler.__main__ import main


def test_points_on_stdin(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    text = "x;y\n" + "\n".join(f"{a!r};{b!r}" for a, b in POINTS[:, :2].tolist())
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["describe", "-", "--rows", "20", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["nearest"] == mh.describe(POINTS[:20, :2]).nearest
    monkeypatch.setattr("sys.stdin", io.StringIO("1,2\n3,four\n"))
    assert main(["describe", "-"]) == 2
    assert "stdin, line 2, column 2: 'four' is not a number" in capsys.readouterr().err


def test_describe(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["describe", data]) == 0
    assert capsys.readouterr().out.rstrip() == str(mh.describe(POINTS))
    np.savez(tmp_path / "x.npz", a=POINTS, b=POINTS)
    assert main(["describe", str(tmp_path / "x.npz"), "--key", "a", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rank"] == 6


def test_describe_normalized(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", POINTS * np.arange(1.0, 61.0)[:, None])
    line = ["describe", str(tmp_path / "x.npy"), "--json", "--quiet"]
    assert main(line) == 0
    raw = json.loads(capsys.readouterr().out)
    assert main([*line, "--normalize"]) == 0
    unit = json.loads(capsys.readouterr().out)
    assert raw["norm_max"] > 10.0 and unit["norm_max"] == pytest.approx(1.0, abs=1e-15)
    assert unit["nearest"] == pytest.approx(raw["nearest"], rel=1e-12) and unit["normalize"]


def test_diagnose(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["diagnose", data, "--activation", "elu", "--param", "alpha=0.5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["activation"] == "elu(alpha=0.5)"
    expected = mh.diagnose(POINTS, mh.activation("elu", alpha=0.5)).to_dict()
    assert found["diagnosis"]["data"]["points"] == expected["data"]["points"]
    assert found["diagnosis"]["activation"]["order"] == 1  # alpha is not one: the slope jumps
    assert found["diagnosis"]["implies"] == expected["implies"]
    assert main(["diagnose", data, "--rows", "30", "--quiet"]) == 0
    out = capsys.readouterr()
    assert out.out.strip() == str(mh.diagnose(POINTS[:30])).strip() and out.err == ""


def test_diagnose_says_what_it_left_out(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["diagnose", data, "--time-limit", "1e-9", "--quiet"]) == 3
    assert "1,770 of 1,770 pairs" in capsys.readouterr().out
    assert main(["diagnose", data, "--param", "alpha=1"]) == 2
    assert "--activation NAME too" in capsys.readouterr().err
    assert main(["diagnose", data, "--time-limit", "-1"]) == 2
    assert "--time-limit must be a number of seconds" in capsys.readouterr().err
    assert main(["diagnose", data, "--activation", "tahn"]) == 2
    assert "Nearest: tanh" in capsys.readouterr().err


def test_attribute(data: str, capsys: pytest.CaptureFixture[str]):
    argv = ["attribute", data, "--activation", "tanh", "--normalize", "--quiet"]
    assert main([*argv, "--json", "--top", "3", "--kernel", "nngp", "--depth", "2"]) == 0
    found = json.loads(capsys.readouterr().out)
    a = mh.attribute(POINTS, "tanh", normalize=True, top=3, kernel="nngp", depth=2, rng=0)
    assert found["value"] == pytest.approx(a.value, rel=1e-6) and found["top"] == 3
    assert [r["index"] for r in found["rows"]] == [r.index for r in a.rows]
    assert found["activation"] == "tanh" and found["kernel"] == "nngp"
    assert found["kernel_call"].startswith("nngp(")
    assert main(argv) == 0
    out = capsys.readouterr()
    assert "bottom vector" in out.out and "lambda_min without it" in out.out and out.err == ""


def test_attribute_of_a_value_that_is_not_known(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    angle = np.pi * np.arange(50) / 50
    np.save(tmp_path / "c.npy", np.column_stack([np.cos(angle), np.sin(angle)]))
    argv = ["attribute", str(tmp_path / "c.npy"), "--activation", "tanh", "--quiet"]
    assert main([*argv, "--precision", "double"]) == 3
    assert "no point is blamed" in capsys.readouterr().out
    assert main([*argv, "--top", "0"]) == 2
    assert "top must be >= 1" in capsys.readouterr().err


def test_spectrum(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    argv = ["spectrum", data, "--activation", "relu", "--normalize", "--quiet", "--ends", "2", "3"]
    argv += ["--method", "quadrature", "--probes", "4", "--steps", "20"]
    assert main([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    d = mh.spectrum(POINTS, "relu", normalize=True, method="quadrature", probes=4, steps=20, ends=(2, 3), rng=0)  # fmt: skip
    assert found["logdet"] == pytest.approx(list(d.logdet()), rel=1e-12)
    assert found["method"] == "quadrature" and found["activation"] == "relu"
    assert len(found["low"]) == 2 and len(found["high"]) == 3
    assert main([*argv, "--plot", str(tmp_path / "s.png")]) == 0
    assert "log det" in capsys.readouterr().out and (tmp_path / "s.png").stat().st_size > 10_000
    assert main([*argv, "--level", "2"]) == 2
    assert "0.5 <= level < 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["spectrum", "--plot", "no/s.png"], "--plot: there is no folder no for s.png"),
        (["spectrum", "--plot", "s.xyz"], "--plot must end in .png, .svg or .pdf; got 's.xyz'"),
        (["sweep", "--csv", "no/t.csv"], "--csv: there is no folder no for t.csv"),
        (["sweep", "--csv", "."], "--csv must be the name of a file; . is a folder"),
    ],
)
def test_a_file_that_cannot_be_written_is_said_before_the_work(argv, words, monkeypatch, capsys):
    monkeypatch.setattr(mh, "sweep", None)  # nothing is computed
    monkeypatch.setattr("mehler.density.spectrum", None)
    assert main([argv[0], "missing.npy", *argv[1:]]) == 2
    assert words in capsys.readouterr().err


def test_bounds_name_a_remedy_that_works(tmp_path: Path, capsys):
    """Of points of unequal norm."""
    file = str(tmp_path / "x.npy")
    np.save(file, POINTS * np.linspace(0.5, 2.0, len(POINTS))[:, None])
    argv = ["bounds", file, "--activation", "tanh", "--quiet"]
    assert main(argv) == 2
    said = capsys.readouterr().err
    assert said.endswith("Pass --normalize, or take min-eig, which measures it at any norms.\n")
    assert main([*argv, "--normalize"]) == 0
    assert main(["min-eig", *argv[1:]]) in (0, 3)
    assert main(["bounds", file, "--activation", "relu", "--quiet"]) == 0


def test_explain(capsys: pytest.CaptureFixture[str]):
    options = ["--kernel", "ntk", "--depth", "2", "--weight-var", "2", "--bias-var", "0.1"]
    assert main(["explain", "elu(alpha=0.5)", *options]) == 0
    kernel = mh.ntk(mh.activation("elu", alpha=0.5), depth=2, weight_var=2.0, bias_var=0.1)
    assert capsys.readouterr().out == f"{kernel.explain()}\n"
    assert main(["explain", "elu", "--param", "alpha=0.5", *options, "--json"]) == 0
    found, told = json.loads(capsys.readouterr().out), kernel.explain().to_dict()
    assert found["kernel"] == "ntk" and found["kernel_call"] == told.pop("kernel")
    assert told.items() <= found.items()
    assert main(["explain", "rellu"]) == 2
    assert "unknown activation 'rellu'" in capsys.readouterr().err


def test_info_and_activations(capsys: pytest.CaptureFixture[str]):
    assert main(["info"]) == 0
    assert "cpu_level" in capsys.readouterr().out
    assert main(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["eigen"] == mh.build_info()["eigen"]
    assert main(["activations", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [r["name"] for r in rows] == mh.activations()
    assert {"name": "celu", "parameters": "alpha=1"}.items() <= rows[2].items()
    assert main(["activations"]) == 0
    assert "max(z, 0)" in capsys.readouterr().out


def test_aliases_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["activations"]) == 0
    assert "swish" in capsys.readouterr().out


def test_interrupted_is_130(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mehler.data.points.describe", interrupt)
    assert main(["describe", data]) == 130
    assert "interrupted" in capsys.readouterr().err
