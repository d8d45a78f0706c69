"""A Ray cluster of three nodes on this machine: `python three_nodes.py`, one JSON object a line.

It prints its `address` and the ids of its `head` and its other `nodes`. A line `remove ID` on stdin
takes a node away at once, its workers with it; the end of stdin ends all.

Ray gives a node 30 seconds to come up and the agent of its dashboard 15, which a busy machine does
not keep. So nodes get more time, and the dashboard, which nobody looks at, a stand-in that says
that it is not there, as the agent of a plain installation does.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

NODES = 3
START_SECONDS = 120.0
TRIES = 4
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")


def stand_in(words: list[str]) -> None:
    """The agent of a node's dashboard: no port is in use."""
    (folder,) = (word.partition("=")[2] for word in words if word.startswith("--session-dir="))
    for name in PORTS:
        path = Path(folder) / f"{name}_{os.environ['RAY_NODE_ID']}"
        path.with_suffix(".new").write_text("-1", encoding="ascii")
        path.with_suffix(".new").rename(path)
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)


def prepare() -> None:
    """Makes Ray patient."""
    from ray._private import ray_constants, services

    get_node, command = services.get_node, services._build_python_executable_command_memory_profileable  # fmt: skip  # noqa: E501

    def patiently(*words: Any, **named: Any) -> Any:
        until = time.monotonic() + START_SECONDS
        while True:
            try:
                return get_node(*words, **named)
            except RuntimeError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.5)

    def lighter(component: str, *words: Any, **named: Any) -> Any:
        if component == ray_constants.PROCESS_TYPE_DASHBOARD_AGENT:
            return [sys.executable, "-S", __file__, "stand-in"]
        return command(component, *words, **named)

    services.get_node = patiently
    services._build_python_executable_command_memory_profileable = lighter


def main() -> None:
    """One life of the cluster."""
    from ray.cluster_utils import Cluster

    prepare()
    node = {"num_cpus": 1, "object_store_memory": 80 << 20}
    cluster = Cluster()
    nodes = []
    for number in range(NODES):
        head = {} if number else {"include_dashboard": False}
        for left in reversed(range(TRIES)):
            try:
                nodes.append(cluster.add_node(**node, **head))
                break
            except Exception as error:  # Ray's own kinds
                sys.stderr.write(f"node {number}: {error}\n")
                if not left:
                    raise
    head_node, *others = nodes
    by_id = {one.node_id: one for one in others}
    say({"address": cluster.address, "head": head_node.node_id, "nodes": list(by_id)})
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
    if sys.argv[1:2] == ["stand-in"]:
        stand_in(sys.argv)
    else:
        main()
