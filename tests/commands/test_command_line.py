"""What all commands share: usage, names in JSON, options in help, page and messages, activations as text."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import mehler as mh
from mehler.__main__ import main
from mehler.commands.reading import parameters, the_activation, the_activations
from mehler.commands.writing import in_shell
from mehler.question import CERTIFICATES, METHODS


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as left:
        main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"mehler {mh.__version__}\n"


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


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["min-egi", "x.npy"], "Did you mean 'min-eig'?"),
        (["min-eig", "x.npy", "--method", "lanczo"], "Did you mean 'lanczos'?"),
        (["min-eig", "x.npy", "--certify", "rigourous"], "Did you mean 'rigorous'?"),
        (["plan", "x.npy", "--precision", "extend"], "Did you mean 'extended'?"),
        (["spectrum", "x.npy", "--kernel", "NNGP"], "Did you mean 'nngp'?"),
        (["min-eig", "x.npy", "--activaton", "relu"], "Did you mean '--activation'?"),
        (
            ["sweep", "x.npy", "--depht=3"],
            "unrecognized arguments: --depht=3. Did you mean '--depths'?",
        ),
    ],
)
def test_a_misspelt_choice_answers_with_the_nearest(argv: list[str], words: str, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(argv)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


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


@pytest.mark.parametrize("command", ["min-eig", "plan"])
def test_help_explains_methods_and_certificates(command: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split()).replace("- ", "-")  # lines end at hyphens
    for value in (*METHODS, *CERTIFICATES):
        assert f"{value}: " in text, f"--help does not explain {value}"


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
    page = Path(__file__).resolve().parents[2] / "docs" / "command-line.md"
    text, shown = page.read_text(encoding="utf-8"), capsys.readouterr().out
    for option in {w.strip("[],") for w in shown.split() if w.strip("[],").startswith("--")}:
        assert option == "--help" or f"`{option}" in text, f"command-line.md leaves out {option}"


def test_complex_points_are_refused_in_the_words_of_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    np.save(tmp_path / "z.npy", np.ones((3, 2)) + 1j)
    assert main(["min-eig", str(tmp_path / "z.npy")]) == 2
    assert "X must be real; got complex128. Take its real part" in capsys.readouterr().err


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
        ("use path=FILE, certify='theory' or 'none'", "use --path FILE, --certify theory or none"),
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
