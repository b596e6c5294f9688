"""Sweeps: every row is what min_eig says, from a shared fill or not; files, pictures, interruptions."""

from __future__ import annotations

import builtins
import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import mehler as mh
from mehler import _core
from mehler.__main__ import main
from mehler.operators.many import filled
from mehler.operators.points import core_points
from mehler.studies import groups

X = mh.generate("sphere-random", n=150, d=8, rng=3)
MEMORY = "1GB"


@pytest.mark.parametrize("d", [4, 12])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_filled_together_is_filled_alone(d: int, dtype: str):
    """Bit for bit: also near pairs, duplicates, antipodes, an edge of a tile, and both forms of a profile."""
    Z = mh.generate("sphere-random", n=300, d=d, rng=d)
    Z[7], Z[290] = Z[3], -Z[11]
    Z[20] = Z[21] + 1e-6
    Z[20] /= np.linalg.norm(Z[20])
    kernels = [mh.gradient_kernel(a) for a in ("relu", "tanh", "hardtanh")] + [
        mh.ntk("elu", depth=3)
    ]
    points = core_points(Z, kernels[0], 1)
    for threads in (1, 2):
        together = filled(points, len(Z), kernels, dtype, threads)
        for K, kernel in zip(together, kernels, strict=True):
            alone = mh.gram(Z, kernel, storage="packed", dtype=dtype, threads=1)
            assert np.array_equal(K.toarray(), alone.toarray())
            assert K.pairs == alone.pairs


def test_filled_together_with_norms_of_any_size():
    Z = np.random.default_rng(0).standard_normal((70, 5))
    kernels = [mh.gradient_kernel("relu"), mh.nngp("abs", depth=2)]
    points = core_points(Z, kernels[0], 1)
    for K, kernel in zip(filled(points, 70, kernels, "float64", 1), kernels, strict=True):
        assert np.array_equal(K.toarray(), mh.gram(Z, kernel, storage="packed").toarray())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_factor_of_packed_tiles_is_that_of_points(dtype: str):
    """Sizes that are and are not whole tiles of both kinds (256 and, from 3072 on, 512)."""
    for n in (5, 256, 300, 3100):
        Z = mh.generate("sphere-random", n=n, d=5, rng=n)
        kernel = mh.gradient_kernel("relu")
        K = mh.gram(Z, kernel, storage="packed", dtype=dtype)
        kind = _core.Cholesky32 if dtype == "float32" else _core.Cholesky64
        direct = kind(K._points, kernel.h.compiled, 0.0, 2)
        ours = _core.factor_of(K.packed, 2)
        assert direct.factor(2) == ours.factor(1) and ours.pairs() == direct.pairs()
        assert ours.frobenius == pytest.approx(direct.frobenius, rel=1e-6)
        if n <= 300:
            assert np.array_equal(ours.dense(), direct.dense())
        else:
            B = np.ones((n, 1), order="F")
            assert np.array_equal(ours.solve(B, 1), direct.solve(B, 1))


def test_every_row_is_what_min_eig_says():
    found = mh.sweep(X, ["relu", "tanh"], depths=[1, 2], scales=[1, 2.0], n=[60, 150])
    assert [r.n for r in found.rows] == [60, 150] * 8 and found.resolved
    for r in found.rows:
        assert_same(r, X)


@pytest.mark.parametrize("method", ["auto", "lanczos", "preconditioned", "shift-invert"])
def test_shared_matrices_give_the_same(method: str, monkeypatch: pytest.MonkeyPatch):
    calls: list[int] = []
    many = _core.packed_many

    def count(points: Any, profiles: Any, *rest: Any) -> Any:
        calls.append(len(profiles))
        return many(points, profiles, *rest)

    monkeypatch.setattr(_core, "packed_many", count)
    Z = mh.generate("sphere-random", n=600, d=10, rng=0)
    found = mh.sweep(Z, ["relu", "elu", "selu"], depths=[1, 2], method=method, max_memory=MEMORY)
    assert found.shared >= 4 and sum(calls) == 6
    for r in found.rows:
        assert_same(r, Z, method=method)


def assert_same(r: mh.SweepRow, Z: Any, **options: Any) -> None:
    """To the bit: the same matrix goes the same way."""
    options = {"certify": "theory", "max_memory": MEMORY, "rng": 0} | options
    one = mh.min_eig(Z[: r.n], r.activation, depth=r.depth, weight_var=r.weight_var, **options)
    for name in ("value", "lower", "upper", "status", "method", "applications"):
        assert getattr(r, name) == getattr(one, name), name


def test_memory_limits_the_groups():
    ways = [groups.Shared("unit", "lanczos", "float32", 2)] * 5
    assert [len(g) for g in groups.groups(enumerate(ways))] == [2, 2, 1]
    alone = [groups.Shared("unit", None, "", 1)] * 3
    assert [len(g) for g in groups.groups(enumerate(alone))] == [1, 1, 1]


def test_no_status_is_worse_than_that_of_min_eig():
    """A smooth activation in three dimensions: float32 and float64 see nothing, extended does."""
    Z = mh.generate("sphere-random", n=300, d=3, rng=1)
    found = mh.sweep(Z, ["relu", "gelu"], max_memory=MEMORY)
    for r in found.rows:
        assert r.status == "resolved"
        assert_same(r, Z)


def test_finite_width():
    found = mh.sweep(X[:40], "tanh", widths=[None, 30, 300], rng=5)
    assert [r.width for r in found.rows] == [None, 30, 300]
    for r in found.rows[1:]:
        one = mh.min_eig(X[:40], "tanh", width=r.width, rng=5)
        assert r.value == one.value and r.status == one.status
    with pytest.raises(ValueError, match=r"finite width .* is for kernels of one hidden layer"):
        mh.sweep(X, "relu", widths=[10], depths=[2])
    with pytest.raises(ValueError, match="precision='single' is for infinite width"):
        mh.sweep(X, "relu", widths=[10], precision="single")


def test_points_of_any_norm():
    Z = 3.0 * X * np.linspace(1.0, 2.0, len(X))[:, None]
    found = mh.sweep(Z, ["relu", "abs"], n=100)
    for r in found.rows:
        assert r.value == pytest.approx(mh.min_eig(Z[:100], r.activation).value, rel=2e-6)
    normal = mh.sweep(Z, "tanh", normalize=True).rows[0]
    assert normal.value == pytest.approx(mh.min_eig(X, "tanh").value, rel=2e-6)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"n": [10, 151]}, r"n must satisfy 1 <= n <= 150, the number of points; got 151\."),
        ({"depths": []}, r"depths must hold at least one value; got \[\]\."),
        ({"depths": [1, 1]}, r"a sweep must not hold a combination twice; found one\. Drop"),
        ({"widths": [0]}, r"widths must be >= 1, or None for infinite width; got 0\."),
        ({"scales": [-1.0]}, r"weight_var must be positive and finite; got -1\.0\."),
        ({"activations": ["relu", "rely"]}, "unknown activation 'rely'"),
        ({"resume": "/"}, "must be the file of a sweep|Is a directory"),
    ],
)
def test_bad_input_is_refused_before_work(options: dict[str, Any], message: str):
    def never(state: Any) -> bool:
        raise AssertionError("work has begun")

    with pytest.raises((ValueError, OSError), match=message):
        mh.sweep(X, **options, callback=never)
    with pytest.raises(TypeError, match=r"depths must be an integer; got 1\.5\."):
        mh.sweep(X, depths=[1.5])
    with pytest.raises(TypeError, match=r"scales must be a value or a list of them; got None\."):
        mh.sweep(X, scales=None)  # type: ignore[arg-type]


def test_what_does_not_fit_is_refused_before_work():
    with pytest.raises(MemoryError, match="more than max_memory"):
        mh.sweep(X, ["relu", "tanh"], n=[10, 150], max_memory="100kB", callback=lambda s: 1 / 0)


# -- the file ---------------------------------------------------------------------------------------


def test_finished_rows_are_not_run_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    file = tmp_path / "sweep.csv"
    first = mh.sweep(X, ["relu", "tanh"], n=[50, 60], resume=file)
    assert first.resumed == 0
    lines = file.read_text().splitlines()
    assert len(lines) == 5 and lines[0].endswith(",fingerprint")
    monkeypatch.setattr("mehler.answer.answered", lambda *a: pytest.fail("run again"))
    again = mh.sweep(X, ["relu", "tanh"], n=[50, 60], resume=file)
    assert again.resumed == 4 and again.rows == first.rows  # to the bit
    assert file.read_text().splitlines() == lines
    monkeypatch.undo()
    grown = mh.sweep(X, ["relu", "elu"], n=[50, 60, 70], resume=file)
    assert grown.resumed == 2 and len(file.read_text().splitlines()) == 9


def test_another_question_is_refused(tmp_path: Path):
    file = tmp_path / "sweep.csv"
    mh.sweep(X, "relu", n=50, resume=file)
    print_ = file.read_text().splitlines()[1].rpartition(",")[2]
    said = f"holds rows of other points, settings or another version of mehler: found fingerprint {print_} in line 2, expected [0-9a-f]{{16}}. Pass the name of a new file"
    other = X.copy()
    other[-1, -1] += 1e-15
    for points, options in ((other, {}), (X, {"tol": 1e-3}), (X, {"bias_var": 0.1})):
        with pytest.raises(ValueError, match=said):
            mh.sweep(points, "relu", n=50, resume=file, **options)
    bad = tmp_path / "bad.csv"
    bad.write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="must be the file of a sweep; its first line is 'a,b'"):
        mh.sweep(X, "relu", resume=bad)
    file.write_text(file.read_text() + "relu,gradient\n")
    with pytest.raises(ValueError, match="must hold rows of a sweep; line 3 is none"):
        mh.sweep(X, "relu", resume=file)


def test_another_function_of_the_same_name_is_refused(tmp_path: Path):
    file = tmp_path / "sweep.csv"
    one = mh.Activation.from_function(np.sin, df=np.cos, name="mine")
    other = mh.Activation.from_function(np.arctan, df=lambda z: 1 / (1 + z * z), name="mine")
    mh.sweep(X, one, n=20, resume=file)
    assert mh.sweep(X, one, n=20, resume=file).resumed == 1
    with pytest.raises(ValueError, match="holds a row of another activation 'mine'"):
        mh.sweep(X, other, n=20, resume=file)


def test_a_torn_line_is_cut_off(tmp_path: Path):
    file = tmp_path / "sweep.csv"
    whole = mh.sweep(X, ["relu", "tanh"], n=40, resume=file)
    text = file.read_text()
    file.write_text(text[:-20])
    again = mh.sweep(X, ["relu", "tanh"], n=40, resume=file)
    assert again.resumed == 1
    assert again.rows[1].value == whole.rows[1].value
    assert len(file.read_text().splitlines()) == 3


# -- interruptions ----------------------------------------------------------------------------------


def test_what_is_known_is_returned(tmp_path: Path):
    file = tmp_path / "sweep.csv"
    seen: list[str] = []

    def after_two(state: Any) -> bool:
        seen.append(state.phase)
        return state.phase == "sweep" and state.done >= 2

    found = mh.sweep(X, ["relu", "tanh", "elu"], n=[40, 50], callback=after_two, resume=file)
    assert found.interrupted and not found.resolved
    done = [r for r in found.rows if r.finished]
    assert len(done) == 2 and "sweep" in seen
    assert [r.status for r in found.rows].count("not run") == 4
    assert "4 of 6 rows not run" in str(found)
    assert mh.sweep(X, ["relu", "tanh", "elu"], n=[40, 50], resume=file).resumed == 2


def test_ctrl_c_keeps_the_rows(monkeypatch: pytest.MonkeyPatch):
    from mehler import answer

    real, calls = answer.answered, []

    def second(*args: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(answer, "answered", second)
    found = mh.sweep(X, ["relu", "tanh"], n=40)
    assert found.interrupted and [r.status for r in found.rows] == ["resolved", "not run"]
    assert np.isnan(found.rows[1].value)


def test_an_exception_of_the_callback_propagates():
    def fail(state: Any) -> bool:
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        mh.sweep(X, "relu", callback=fail)


# -- the table --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def table() -> mh.Sweep:
    return mh.sweep(X, ["relu", "tanh"], depths=[1, 2], n=[30, 60])


def test_records_and_csv(table: mh.Sweep, tmp_path: Path):
    records = table.records()
    assert len(records) == 8 and records[0]["activation"] == "relu"
    assert records[0]["width"] is None and records[0]["value"] == table.rows[0].value
    table.to_csv(tmp_path / "t.csv")
    with open(tmp_path / "t.csv", newline="") as text:
        back = [mh.SweepRow.of_cells(cells) for cells in csv.DictReader(text)]
    assert tuple(back) == table.rows
    assert json.loads(json.dumps(table.to_dict(), allow_nan=False))["rows"][0]["n"] == 30


def test_dataframe(table: mh.Sweep, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("pandas")
    frame = table.to_dataframe()
    assert list(frame["value"]) == [r.value for r in table.rows]


def test_dataframe_needs_pandas(table: mh.Sweep, monkeypatch: pytest.MonkeyPatch):
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "pandas":
            raise ImportError
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=r"needs pandas, .* python -m pip install pandas"):
        table.to_dataframe()


def test_text(table: mh.Sweep):
    text = str(table)
    assert re.search(r"^activation +depth +n +value +status", text)
    assert re.search(r"^tanh +2 +60 +[0-9.e-]+ +resolved", text, re.MULTILINE)
    assert "gradient kernel, bias_var=0, weight_var=1, width=inf" in text
    limited = mh.sweep(mh.generate("circle-full", 51, 2), "tanh", precision="double")
    assert "<= " in str(limited) and limited.rows[0].status == "rounding-limited"


def test_pictures(table: mh.Sweep):
    mpl = pytest.importorskip("matplotlib.figure")
    made = table.plot()
    assert made is not None and [a.get_xlabel() for a in made.axes] == ["hidden layers", "points"]
    ax = mpl.Figure().subplots()
    assert table.plot({"n": ax}) is None
    drawn = next(line for line in ax.get_lines() if line.get_label() == "relu")
    expected = [r.value for r in table.rows if r.activation == "relu" and r.depth == 1]
    np.testing.assert_array_equal(drawn.get_ydata(), expected)
    with pytest.raises(ValueError, match="ax must be a dict of axes where several"):
        table.plot(ax)
    with pytest.raises(
        ValueError, match=r"ax must name quantities that were swept.*got \['width'\]"
    ):
        table.plot({"width": ax})
    with pytest.raises(ValueError, match="plot needs a quantity with several values"):
        mh.sweep(X[:20], ["relu", "tanh"]).plot()


# -- the command line -------------------------------------------------------------------------------


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    np.save(tmp_path / "x.npy", X)
    data, table = str(tmp_path / "x.npy"), str(tmp_path / "t.csv")
    argv = ["sweep", data, "--activations", "relu,elu(alpha=0.5)", "--depths", "1,2"]
    argv += ["--scales", "1,2", "--sizes", "20,30", "--csv", table]
    argv += ["--resume", str(tmp_path / "r.csv"), "--quiet"]
    assert main([*argv, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    expected = mh.sweep(
        X, ["relu", mh.activation("elu", alpha=0.5)], depths=[1, 2], scales=[1, 2], n=[20, 30]
    )
    assert [r["value"] for r in found["rows"]] == [r.value for r in expected.rows]
    assert Path(table).read_text().count("\n") == 17
    assert main(argv) == 0
    assert "16 rows from the file" in capsys.readouterr().out
    assert main(["sweep", data, "--widths", "inf,9", "--rows", "8", "--quiet"]) == 0
    assert re.search(r"^relu +9 ", capsys.readouterr().out, re.MULTILINE)
    assert main(["sweep", data, "--depths", "1,x"]) == 2
    assert "--depths takes numbers with commas between; got '1,x'." in capsys.readouterr().err
    assert main(["sweep", data, "--csv", str(tmp_path)]) == 2
    assert "--csv must be the name of a file" in capsys.readouterr().err


def test_names_with_parameters_have_one_label():
    given = ["leaky_relu(0.1)", mh.activation("leaky_relu", negative_slope=0.2), "relu"]
    table = mh.sweep(np.random.default_rng(0).standard_normal((20, 4)), given, tol=1e-3)
    assert [row.activation for row in table.rows] == [
        "leaky_relu(negative_slope=0.1)",
        "leaky_relu(negative_slope=0.2)",
        "relu",
    ]
    with pytest.raises(ValueError, match="must not hold a combination twice"):
        mh.sweep(np.eye(3), ["elu(0.5)", "elu(alpha=0.5)"])


def test_points_of_unequal_norm_are_taken_by_each_kernel_for_itself():
    X = np.random.default_rng(5).standard_normal((30, 5)) * np.linspace(0.8, 1.6, 30)[:, None]
    s = mh.sweep(X, activations=["tanh", "relu", "gelu"], depths=[1, 2])
    for row in s.records():
        one = mh.min_eig(X, row["activation"], depth=row["depth"])
        assert row["value"] == pytest.approx(one.value, rel=1e-6), row
