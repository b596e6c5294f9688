"""``plan`` with workers: the method that ``min_eig`` takes there, what each holds, what a product sends, what does not fit."""

from __future__ import annotations

import json

import numpy as np
import pytest

import mehler as mh
from mehler.planning.cost import NOMINAL
from mehler.planning.rates import given
from mehler.planning.workers import NETWORK

pytest.importorskip("distributed")


@pytest.mark.parametrize(("d", "method"), [(3, "preconditioned"), (50, "lanczos")])
def test_the_method_is_that_of_min_eig(client, workers, d, method):
    X = mh.generate("sphere-random", n=800, d=d, rng=0)
    storage = mh.Dask(client, workers[:2])
    p = mh.plan(X, "relu", storage=storage, certify="none")
    r = mh.min_eig(X, "relu", storage=storage, certify="none")
    assert p.method == method and r.method.startswith(method)
    assert p.status == r.status == "resolved"
    assert {c.method for c in p.candidates} == {"lanczos", "preconditioned"}
    assert 0.0 < p.seconds < 60.0 and p.products > 0


def test_it_says_what_workers_hold_and_products_send(client, workers):
    n = 1500
    X = mh.generate("sphere-random", n=n, d=4, rng=0)
    storage = mh.Dask(client, workers[:2])
    asked = {"precision": "double", "method": "lanczos", "certify": "none"}
    p = mh.plan(X, "relu", storage=storage, **asked)
    K = mh.gram(X, "relu", storage=storage)
    assert p.model.product == K.cost(2) == mh.Dask.model(n=n, workers=2, d=4).product
    assert p.reason.startswith("lanczos was asked for; about ")
    assert "2 workers hold up to" in p.reason and "4 messages, 48 kB to the workers" in p.reason
    assert p.candidates[0].how == "dask float64"
    here = mh.plan(X, "relu", **asked)
    assert p.nbytes <= here.nbytes - K.nbytes  # nothing of the matrix is in this process
    assert here.model is None and here.to_dict()["model"] is None
    assert json.loads(json.dumps(p.to_dict()))["model"]["product"]["messages"] == 4


def test_seconds_are_those_of_the_model(client, workers):
    """A product takes what its busiest worker reads and what is sent; more vectors of the basis cost the same as ever."""
    X = mh.generate("sphere-random", n=6000, d=50, rng=0)
    found = {}
    with given(NOMINAL):
        for many in (1, 2):
            p = mh.plan(
                X,
                storage=mh.Dask(client, workers[:many]),
                precision="double",
                method="lanczos",
                certify="none",
            )
            found[many] = p
    (one, two), cost = (found[1], found[2]), {m: p.model.product for m, p in found.items()}
    assert one.products == two.products

    def product(m):
        return cost[m].entries / NOMINAL.stream + (cost[m].bytes_out + cost[m].bytes_in) / NETWORK

    from mehler.planning.lanczos import PRODUCT

    least = one.products * PRODUCT * (product(1) - product(2))
    assert one.seconds - two.seconds > least  # and half of the fill
    assert two.seconds > two.products * product(2)


def test_what_does_not_fit_is_said(client, workers):
    X = mh.generate("sphere-random", n=24_000, d=3, rng=0)
    p = mh.plan(X, storage=mh.Dask(client, workers[:2]), precision="double")
    assert p.method is None and p.model is None and np.isnan(p.seconds)
    assert "tiles of n=24000 in float64 take 2.3" in p.reason and "would do" in p.reason
    with pytest.raises(MemoryError, match="tiles of n=24000 in float64 take"):
        mh.min_eig(X, storage=mh.Dask(client, workers[:2]), precision="double")


def test_what_workers_cannot_do(client, workers):
    X = mh.generate("sphere-random", n=300, d=3, rng=0)
    storage = mh.Dask(client, workers)
    with pytest.raises(ValueError, match="method must be 'auto', 'lanczos' or 'preconditioned'"):
        mh.plan(X, storage=storage, method="dense")
    with pytest.raises(
        ValueError,
        match=r"storage must be one of \('auto',\), or a mehler\.Dask.*Pass mehler\.Dask",
    ):
        mh.plan(X, storage=client)
    with pytest.raises(ValueError, match=r"storage must be one of \('auto',\)"):
        mh.plan(X, storage="packed")
    Z = X * np.linspace(0.5, 2.0, 300)[:, None]
    p = mh.plan(Z, "tanh", storage=storage, method="preconditioned")
    assert p.method is None and "takes points of unit norm" in p.reason


@pytest.mark.parametrize(("name", "d"), [("relu", 10), ("tanh", 3), ("selu", 50)])
def test_auto_takes_the_quickest_at_nominal_rates(client, workers, name, d):
    X = mh.generate("sphere-random", n=3000, d=d, rng=0)
    with given(NOMINAL):
        p = mh.plan(X, name, storage=mh.Dask(client, workers[:2]), certify="none")
    assert p.method == min(p.candidates, key=lambda c: (c.status != "resolved", c.seconds)).method


def test_max_memory_is_that_of_this_process(client, workers):
    X = mh.generate("sphere-random", n=2000, d=10, rng=0)
    storage = mh.Dask(client, workers[:2])
    p = mh.plan(X, storage=storage, method="lanczos", max_memory="1MB")
    assert p.method is None and "vectors of this process" in p.reason
    need = p.reason.split("max_memory='")[1].split("'")[0]
    with pytest.raises(MemoryError, match=need):
        mh.min_eig(X, storage=storage, method="lanczos", max_memory="1MB")
    assert mh.plan(X, storage=storage, method="lanczos", max_memory=need).method == "lanczos"
    assert mh.min_eig(X, storage=storage, method="lanczos", max_memory=need).resolved
    assert mh.plan(X, storage=storage, max_memory="1MB").method is None


def test_a_proof_that_does_not_fit_here_is_refused_as_min_eig_does(client, workers):
    X = mh.generate("sphere-random", n=400, d=3, rng=0)
    ask = {
        "certify": "preconditioned",
        "max_memory": 5_000_000,
        "storage": mh.Dask(client, workers[:1]),
    }
    p = mh.plan(X, "relu", **ask)
    with pytest.raises(MemoryError) as refused:
        mh.min_eig(X, "relu", **ask)
    assert p.method is None and p.reason == str(refused.value) and p.nbytes > 5_000_000
