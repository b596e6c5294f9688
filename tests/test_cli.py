"""The command line: what it prints, where, and with which exit code."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.__main__ import main
from mehler.commands.reading import parameters, the_activation, the_activations
from mehler.commands.writing import in_shell
from mehler.question import CERTIFICATES, METHODS

POINTS = np.random.default_rng(3).standard_normal((60, 6))


@pytest.fixture
def data(tmp_path: Path) -> str:
    np.save(tmp_path / "x.npy", POINTS)
    return str(tmp_path / "x.npy")


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


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"mehler {mh.__version__}\n"


@pytest.mark.parametrize(
    "command", ["min-eig", "plan", "sweep", "spectrum", "bounds", "explain", "attribute"]
)
def test_json_of_every_command_has_the_same_names(
    command: str, data: str, capsys: pytest.CaptureFixture[str]
):
    what = "relu" if command == "explain" else data
    options = ["--kernel", "ntk", "--bias-var", "0.5", "--json"]
    options += [] if command == "explain" else ["--normalize"]
    assert main([command, what, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kernel"] == "ntk" and found["bias_var"] == 0.5
    assert found["mehler"] == mh.__version__ and "kind" not in found
    assert found.get("kernel_call", "ntk(").startswith("ntk(")


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


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["dance"],
        ["min-eig"],
        ["min-eig", "x", "--kernel", "cnn"],
        ["min-eig", "x", "--method", "magic"],
        ["min-eig", "x", "--precision", "half"],
        ["min-eig", "x", "--certify", "maybe"],
    ],
)
def test_bad_usage_is_2(argv: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2 and "usage: mehler" in capsys.readouterr().err


def test_history_is_asked_for(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["min-eig", data, "--json", "--method", "lanczos", "--quiet"]) == 0
    assert "history" not in json.loads(capsys.readouterr().out)
    assert main(["min-eig", data, "--json", "--method", "lanczos", "--quiet", "--history"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["history"][-1][1] == pytest.approx(found["value"], rel=1e-6)
    assert found["seed"] == 0 and found["normalize"] is False


def test_messages_speak_of_options(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["min-eig", data, "--threads", "-2"]) == 2
    assert "None" not in capsys.readouterr().err
    assert main(["min-eig", data, "--method", "dense", "--max-memory", "1kB"]) == 2
    err = capsys.readouterr().err
    assert "--method dense" in err and "method='" not in err and "--max-memory 1 kB" in err


def test_what_is_printed_speaks_of_options(data: str, capsys: pytest.CaptureFixture[str]):
    assert main(["plan", data, "--method", "dense", "--max-memory", "1kB"]) == 2
    printed = capsys.readouterr()
    assert printed.out == "", "a refusal is no result"
    assert "no: the array and its eigenvectors" in printed.err
    last = printed.err.splitlines()[-1]
    assert last.startswith("mehler: error: --method dense at n=60 takes ")
    assert "='" not in printed.err and "the least that does is --max-memory " in last
    assert main(["min-eig", data, "--quiet", "--method", "lanczos", "--certify", "theory"]) == 0
    assert "(theory: loose, --certify rigorous is sharp)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("said", "in_the_shell"),
    [
        (
            "method='lanczos' or 'shift-invert'; or more",
            "--method lanczos or shift-invert; or more",
        ),
        ("use certify='theory', fewer points", "use --certify theory, fewer points"),
        ("or max_memory='1.2GB'.", "or --max-memory 1.2GB."),
        ("more than max_memory=1 kB", "more than --max-memory 1 kB"),
        ("raise max_memory, or tol", "raise --max-memory, or --tol"),
        ("tol=1e-05 is within reach", "--tol 1e-05 is within reach"),
        ("pass normalize=True", "pass --normalize"),
        ("path= does not hold", "--path does not hold"),
        ("'10MB', or path=, for a file", "'10MB', or --path, for a file"),
        ("or take min_eig, which", "or take min-eig, which"),
    ],
)
def test_library_words_become_options(said: str, in_the_shell: str):
    assert in_shell(said) == in_the_shell


@pytest.mark.parametrize("command", ["min-eig", "plan"])
def test_help_explains_methods_and_certificates(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split()).replace("- ", "-")  # lines end at hyphens
    for value in (*METHODS, *CERTIFICATES):
        assert f"{value}: " in text, f"--help does not explain {value}"


def test_aliases_are_listed(capsys: pytest.CaptureFixture[str]):
    assert main(["activations"]) == 0
    assert "swish" in capsys.readouterr().out


def test_raw_pixels_get_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    pixels = tmp_path / "pixels.npy"
    np.save(pixels, np.random.default_rng(0).integers(0, 255, (30, 8), dtype=np.uint8))
    assert main(["min-eig", str(pixels)]) == 0
    assert "--normalize makes them 1" in capsys.readouterr().err
    assert main(["min-eig", str(pixels), "--normalize"]) == 0
    assert "--normalize" not in capsys.readouterr().err


def test_interrupted_is_130(
    data: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mehler.data.points.describe", interrupt)
    assert main(["describe", data]) == 130
    assert "interrupted" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        "min-eig",
        "plan",
        "sweep",
        "bounds",
        "explain",
        "describe",
        "diagnose",
        "attribute",
        "study",
        "info",
        "activations",
    ],
)
def test_every_option_is_documented(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    page = Path(__file__).resolve().parents[1] / "docs" / "command-line.md"
    text, shown = page.read_text(encoding="utf-8"), capsys.readouterr().out
    for option in {w.strip("[],") for w in shown.split() if w.strip("[],").startswith("--")}:
        assert option == "--help" or f"`{option}" in text, f"command-line.md leaves out {option}"


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


@pytest.mark.parametrize(
    ("text", "params", "same"),
    [
        ("relu", [], "relu"),
        ("elu()", ["alpha=2"], "elu(2)"),
        ("rectified_power", [" q = 3 "], "relu3"),
        ("polynomial", ["coefficients=(1, 2.5)"], "polynomial([1, 2.5])"),
    ],
)
def test_param_is_what_parentheses_are(text: str, params: list[str], same: str):
    assert the_activation(text, params) == mh.activation(same)


@pytest.mark.parametrize(
    ("text", "params", "words"),
    [
        ("elu(alpha=1)", ["alpha=2"], "'elu' is given 'alpha' twice; give it once."),
        ("elu", ["alpha=1", "alpha=2"], "--param alpha is given twice; give it once."),
        ("elu", ["alpha"], "--param takes name=number, as in alpha=0.5; got 'alpha'."),
        ("elu", ["=2"], "--param takes name=number, as in alpha=0.5; got '=2'."),
        ("elu", ["alpha='2'"], "--param takes name=number, as in alpha=0.5; got \"alpha='2'\"."),
        ("elu(", [], "cannot read the activation 'elu('; expected a name, or a name with numbers"),
    ],
)
def test_a_wrong_parameter_is_refused(text: str, params: list[str], words: str, capsys):
    argv = ["explain", text]
    for item in params:
        argv += ["--param", item]
    assert main(argv) == 2
    assert words in capsys.readouterr().err


def test_a_list_of_activations():
    assert the_activations("relu, elu(0.5),polynomial(coefficients=(0,1))") == [
        "relu",
        mh.activation("elu", alpha=0.5),
        mh.activation("polynomial", coefficients=(0, 1)),
    ]
    assert parameters([]) == {}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["min-egi", "x.npy"], "Did you mean 'min-eig'?"),
        (["min-eig", "x.npy", "--method", "lanczo"], "Did you mean 'lanczos'?"),
        (["min-eig", "x.npy", "--certify", "rigourous"], "Did you mean 'rigorous'?"),
        (["plan", "x.npy", "--precision", "extend"], "Did you mean 'extended'?"),
        (["spectrum", "x.npy", "--kernel", "NNGP"], "Did you mean 'nngp'?"),
    ],
)
def test_a_misspelt_choice_answers_with_the_nearest(argv: list[str], words: str, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


def test_describe_normalized(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", POINTS * np.arange(1.0, 61.0)[:, None])
    line = ["describe", str(tmp_path / "x.npy"), "--json", "--quiet"]
    assert main(line) == 0
    raw = json.loads(capsys.readouterr().out)
    assert main([*line, "--normalize"]) == 0
    unit = json.loads(capsys.readouterr().out)
    assert raw["norm_max"] > 10.0 and unit["norm_max"] == pytest.approx(1.0, abs=1e-15)
    assert unit["nearest"] == pytest.approx(raw["nearest"], rel=1e-12) and unit["normalize"]


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
