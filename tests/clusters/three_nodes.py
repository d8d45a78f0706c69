"""A Ray cluster of three nodes on this machine: `python three_nodes.py`, one JSON object a line.

It prints its `address` and the ids of its `head` and its other `nodes`. A line `remove ID` on stdin
takes a node away at once, its workers with it; the end of stdin ends all.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from ray._private import services
from ray.cluster_utils import Cluster

NODES = 3
START_SECONDS = 300.0
_get_node = services.get_node


def patiently(*words: Any, **named: Any) -> Any:
    """Ray gives a node 30 seconds to come up, which a busy machine does not keep."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            return _get_node(*words, **named)
        except RuntimeError:
            if time.monotonic() > until:
                raise
            time.sleep(0.5)


def main() -> None:
    """One life of the cluster."""
    services.get_node = patiently
    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster(initialize_head=True, head_node_args={**node, "include_dashboard": False})
    nodes = [cluster.add_node(**node) for _ in range(NODES - 1)]
    cluster.wait_for_nodes(300)
    by_id = {one.node_id: one for one in nodes}
    say({"address": cluster.address, "head": cluster.head_node.node_id, "nodes": list(by_id)})
    try:
        for line in sys.stdin:
            word, _, which = line.strip().partition(" ")
            if word == "remove":
                cluster.remove_node(by_id[which], allow_graceful=False)
                say({"removed": which})
    finally:
        cluster.shutdown()


def say(one: dict[str, object]) -> None:
    """Prints one line."""
    sys.stdout.write(json.dumps(one) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
