"""The cluster that tests of this folder share: three worker processes on this machine."""

from __future__ import annotations

import time

import pytest

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="session")
def client():
    with (
        distributed.LocalCluster(
            n_workers=3,
            threads_per_worker=1,
            memory_limit="1GB",
            dashboard_address="127.0.0.1:0",
            host="127.0.0.1",
            silence_logs=50,
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.wait_for_workers(3)
        yield client


@pytest.fixture
def workers(client):
    """All three; whoever a test before has killed is back."""
    for _ in range(200):
        found = sorted(client.nthreads())
        if len(found) == 3:
            return found
        time.sleep(0.1)
    pytest.fail("the workers of the cluster have not come back")
