"""`mehler study`: what it prints and writes, and what it refuses before it works."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from sixty_points import POINTS

from mehler.__main__ import main


def test_study(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    assert main(["study", "--quick", "--n", "30", "--seed", "7", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert "(seed 7)" in printed.out and "In 3 dimensions" in printed.out
    assert "wrote" in printed.err and (out / "study.png").is_file()
    argv = ["study", "--quick", "--n", "30", "--seed", "7", "--out", str(out), "--json", "--quiet"]
    assert main(argv) == 0
    printed = capsys.readouterr()
    files = json.loads(printed.out)["files"]
    assert printed.err == "" and files[:3] == [
        str(out / "study.csv"),
        str(out / "study.png"),
        str(out / "study.html"),
    ]
    assert sorted(files) == sorted(map(str, out.iterdir()))
    page = (out / "study.html").read_text(encoding="utf-8")
    assert "mehler study --quick --n 30 --seed 7 --out" in page and "; seed 7." in page


def test_study_of_a_file(data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "out"
    argv = ["study", "dimension", "--data", data, "--normalize", "--rows", "40", "--quick"]
    argv += ["--activations", "relu,elu(alpha=0.5)", "--seed", "3", "-o", str(out), "--json"]
    assert main(argv) == 0
    found = json.loads(capsys.readouterr().out)
    assert {r["dimension"] for r in found["records"][""]} == {2, 3, 5}  # quick ones, up to the rank
    assert {r["activation"] for r in found["records"][""]} == {"relu", "elu(alpha=0.5)"}
    assert found["asked"]["seed"] == 3 and "40 points of" in found["asked"]["points"]
    assert sorted(p.name for p in out.iterdir()) == [
        "dimension.csv",
        "dimension.html",
        "dimension.png",
    ]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--rows", "5"], "--rows is about a file of points; pass --data FILE too"),
        (["--normalize"], "--normalize is about a file of points"),
        (["width", "--activations", "relu,rellu"], "unknown activation 'rellu'"),
        (["depth", "--activations", ","], "--activations must hold at least one"),
        (["bounds", "--n", "1"], "at least two points; got n=1"),
        (["--data", "none.npy"], "none.npy does not exist"),
        (["--seed", "-1"], "--seed must be an integer >= 0"),
    ],
)
def test_study_refuses_before_it_works(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["study", *options, "-o", str(tmp_path)]) == 2
    err = capsys.readouterr().err
    assert message in err and "spectrum" not in err and not list(tmp_path.iterdir())


def test_study_looks_at_its_folder_first(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["study", "--out", data]) == 2
    printed = capsys.readouterr().err
    assert "--out must be a folder, or a name that is free" in printed and "spectrum" not in printed


def test_study_without_matplotlib_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert main(["study", "--quick", "--n", "10", "--quiet", "--out", str(tmp_path)]) == 0
    assert "pip install 'mehler[plot]'" in capsys.readouterr().err
    assert (tmp_path / "study.csv").is_file()
    assert main(["study", "bounds", "--quick", "--n", "10", "--quiet", "--out", str(tmp_path)]) == 0
    assert "pip install 'mehler[plot]'" in capsys.readouterr().err
    assert (tmp_path / "bounds.csv").is_file()
    page = (tmp_path / "bounds.html").read_text(encoding="utf-8")
    assert "matplotlib is not installed" in page and "<img" not in page


@pytest.mark.parametrize("images", ["idx", "same", "wide"])
def test_images_where_labels_belong_are_refused(images: str, tmp_path: Path, capsys):
    X, name = POINTS, "labels.npy"
    if images == "idx":
        X, name = np.zeros((60, 28, 28), np.uint8), "t-images-idx3-ubyte"
        head = bytes([0, 0, 8, 3]) + b"".join(int(s).to_bytes(4, "big") for s in X.shape)
        (tmp_path / name).write_bytes(head + X.tobytes())
    elif images == "wide":
        np.save(tmp_path / name, np.ones((60, 101)))
    np.save(tmp_path / "x.npy", POINTS)
    labels = tmp_path / ("x.npy" if images == "same" else name)
    argv = ["study", "data", "--data", str(tmp_path / "x.npy"), "--labels", str(labels), "--quick"]
    assert main([*argv, "-o", str(tmp_path / "out")]) == 2
    assert re.search(r"has \d+ numbers a row.*Give the file of labels", capsys.readouterr().err)
