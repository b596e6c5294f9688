"""What ``mh.Dask`` refuses, and when: before any work, with what was found, what is expected and what to do."""

from __future__ import annotations

import multiprocessing
import re

import numpy as np
import pytest

import mehler as mh

distributed = pytest.importorskip("distributed")

X = mh.generate("sphere-random", n=300, d=3, rng=0)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        (
            {"client": "tcp://127.0.0.1:8786"},
            TypeError,
            r"client must be a distributed\.Client, .*; got str\. Pass distributed\.Client\('tcp://127\.0\.0\.1:8786'\)",
        ),
        ({"client": 3}, TypeError, r"client must be a distributed\.Client.*; got int"),
        ({"workers": "tcp://10.0.0.7:40123"}, TypeError, r"got the text .*\. Pass \['tcp://"),
        ({"workers": 3}, TypeError, "workers must be a list of addresses such as .*; got 3"),
        ({"workers": [3]}, TypeError, r"found 3 in it\. list\(client\.nthreads\(\)\) has them"),
        ({"workers": []}, ValueError, "at least one worker, or be None for all"),
        ({"n_workers": 0}, ValueError, "n_workers must be >= 1, or None.*; got 0"),
        ({"n_workers": 1.5}, TypeError, r"n_workers must be an integer; got 1\.5"),
        ({"threads_per_worker": -1}, ValueError, "threads_per_worker must be >= 1.*; got -1"),
        ({"threads_per_worker": True}, TypeError, "threads_per_worker must be an integer"),
        ({"memory_limit": "lots"}, ValueError, "memory_limit must be bytes, .*; got 'lots'"),
        ({"memory_limit": -1}, ValueError, "memory_limit must be bytes, .*; got -1"),
        ({"memory_limit": np.inf}, ValueError, "memory_limit must be bytes, .*; got inf"),
        ({"memory_limit": [1]}, TypeError, r"memory_limit must be bytes, .*; got \[1\]"),
        ({"direct": "no"}, TypeError, "direct must be True or False; got 'no'"),
    ],
)
def test_arguments(options, error, words):
    with pytest.raises(error, match=words):
        mh.Dask(**options)


def test_clients(client, workers):
    with pytest.raises(
        TypeError, match=r"got LocalCluster\. Pass its client: cluster\.get_client\(\)"
    ):
        mh.Dask(client.cluster)
    with pytest.raises(ValueError, match="leave the client out"):
        mh.Dask(client, n_workers=2)
    other = distributed.Client(client.scheduler.address, set_as_default=False)
    other.close()
    with pytest.raises(ValueError, match=r"client is closed; make another"):
        mh.Dask(other)


def test_workers_that_are_not_there(client, workers):
    strange = "tcp://127.0.0.1:1"
    words = rf"workers names \['{re.escape(strange)}'\], .* no workers among them; it has \['tcp"
    for storage in (mh.Dask(client, [strange]), mh.Dask(client, [workers[0], strange])):
        with pytest.raises(ValueError, match=words):
            mh.gram(X, storage=storage)
        with pytest.raises(ValueError, match=words):
            mh.min_eig(X, storage=storage)
        with pytest.raises(ValueError, match=words):
            mh.plan(X, storage=storage)


def test_what_workers_have_no_use_for(client, workers):
    storage = mh.Dask(client, workers)
    for options in ({"path": "tiles"}, {"max_memory": "1GB"}):
        with pytest.raises(
            ValueError, match=r"the memory_limit of the workers counts\. Leave them"
        ):
            mh.gram(X, storage=storage, **options)
    for function in (mh.min_eig, mh.plan):
        with pytest.raises(ValueError, match="path= holds the tiles of this process"):
            function(X, storage=storage, path="tiles")
    with pytest.raises(ValueError, match="threads must be >= 1"):
        mh.gram(X, storage=storage, threads=0)


def test_a_script_without_its_guard_is_told_of_it(monkeypatch):
    """A worker that starts imports the script again, and must not start workers of its own."""
    monkeypatch.setattr(multiprocessing.current_process(), "_inheriting", True, raising=False)
    with pytest.raises(RuntimeError, match="put what it does under `if __name__ == '__main__':`"):
        mh.Dask(n_workers=1).client  # noqa: B018
