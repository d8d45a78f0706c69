"""A Ray cluster of three nodes on this machine: `python three_nodes.py`, one JSON object a line.

It prints its `address` and the ids of its `head` and its other `nodes`. A line `remove ID` on stdin
takes a node away at once, its workers with it; the end of stdin ends all.

Ray gives a node 30 seconds to come up and its agents 15 to say their ports, which a busy machine
does not keep. So nodes get more time; the agent of the dashboard, which nobody looks at, has a
stand-in that says that there is none; and the port of the other agent is told before it has loaded.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from pathlib import Path
from typing import Any

NODES = 3
START_SECONDS = 120.0
TRIES = 4
PATIENCE = {
    "RAY_worker_register_timeout_seconds": "600",
    "RAY_agent_register_timeout_ms": "600000",
    "RAY_gcs_server_request_timeout_seconds": "300",
    "RAY_health_check_initial_delay_ms": "300000",
    "RAY_health_check_timeout_ms": "60000",
    "RAY_worker_niceness": "0",  # as polite as whoever runs this, not more
    "RAY_USAGE_STATS_ENABLED": "0",
}
PORTS = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port")


def stand_in(words: list[str]) -> None:
    """The agent of a node's dashboard: no port is in use."""
    for name in PORTS:
        tell(words, name, os.environ["RAY_NODE_ID"], -1)
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(1)


def early(words: list[str]) -> None:
    """The agent of runtime environments, with a port that is told before it has loaded."""
    with socket.socket() as free:
        free.bind((value(words, "--node-ip-address"), 0))
        port = free.getsockname()[1]
    tell(words, "runtime_env_agent_port", value(words, "--node-id"), port)
    left = [word for word in words if not word.startswith("--runtime-env-agent-port=")]
    left = [sys.executable, *left, f"--runtime-env-agent-port={port}"]
    os.execv(sys.executable, left)  # noqa: S606  # Ray's own words


def value(words: list[str], option: str) -> str:
    """The value of an option."""
    (found,) = (word.partition("=")[2] for word in words if word.startswith(f"{option}="))
    return found


def tell(words: list[str], name: str, node: str, port: int) -> None:
    """Writes a port where the node looks for it."""
    path = Path(value(words, "--session-dir")) / f"{name}_{node}"
    path.with_suffix(".new").write_text(str(port), encoding="ascii")
    path.with_suffix(".new").rename(path)


def prepare() -> None:
    """Makes Ray patient."""
    os.environ.update(PATIENCE)
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
        stands_for = {
            ray_constants.PROCESS_TYPE_DASHBOARD_AGENT: stand_in,
            ray_constants.PROCESS_TYPE_RUNTIME_ENV_AGENT: early,
        }
        if component in stands_for:
            return [sys.executable, "-S", __file__, stands_for[component].__name__]
        return command(component, *words, **named)

    services.get_node = patiently
    services._build_python_executable_command_memory_profileable = lighter


def main() -> None:
    """One life of the cluster."""
    prepare()
    from ray.cluster_utils import Cluster

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
    roles = {"stand_in": stand_in, "early": early}
    if sys.argv[1:2] and sys.argv[1] in roles:
        roles[sys.argv[1]](sys.argv[2:])
    else:
        main()
