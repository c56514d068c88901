"""A cluster of two nodes on this machine, and a store beside it."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Iterator

import pytest

from cluster.two_nodes import TwoNodes
from nst_engine.ray import connected

#: Ray's workers are as nice as they can be otherwise, and would wait for whatever else is tested beside them.
_WORKERS = {"RAY_worker_niceness": "0"}
_STORE = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}

_PROXY = {
    "RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH": "nst_engine.ray.proxy:middlewares",
    "NST_ENGINE_MAX_BYTES": "2000000",
}


@pytest.fixture(scope="session")
def _two_nodes() -> Iterator[TwoNodes]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    store = f"http://{host}:{port}"
    before = dict(os.environ)
    os.environ.update(_STORE, AWS_ENDPOINT_URL=store, **_WORKERS, **_PROXY)  # of the workers, too
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # Ray leaves a socket where another cluster has its ports
        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 1,
                "object_store_memory": 200_000_000,
                "include_dashboard": False,
                "_system_config": {"idle_worker_killing_time_threshold_ms": 600_000},
            },
        )
        gc.collect()
    for name in _PROXY:
        del os.environ[name]
    try:
        with connected(cluster.address):
            yield TwoNodes(cluster.address, store, cluster)
    finally:
        cluster.shutdown()  # type: ignore[no-untyped-call]
        server.stop()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
def two_nodes(_two_nodes: TwoNodes) -> TwoNodes:
    """Both of them alive."""
    _two_nodes.add_second()
    return _two_nodes
