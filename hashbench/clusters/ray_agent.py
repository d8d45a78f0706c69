"""`python -m hashbench.clusters.ray_agent ADDRESS`: talks to a Ray cluster for a process that does
not load Ray itself.

Requests and answers are one JSON object a line, on stdin and stdout. The first answer says whether
the cluster was reached. It ends with its stdin, or when nothing was asked for IDLE_SECONDS.
"""

from __future__ import annotations

import json
import os
import select
import sys
from collections.abc import Callable, Mapping
from typing import Any

IDLE_SECONDS = 20.0
ASK_SECONDS = 8.0
SUBMIT_SECONDS = 45.0

Answer = dict[str, Any]


def answer(request: Mapping[str, Any]) -> Answer:
    """What the cluster says to a request; `silent` with a reason where it does not answer in time,
    `refused` where it refuses.
    """
    import ray

    try:
        if request["do"] == "submit":
            return _submit(request["plan"])
        if request["do"] == "jobs":
            return {"jobs": _jobs()}
        return _order(request["do"], request["job"], request.get("with", []))
    except (ray.exceptions.GetTimeoutError, ConnectionError) as error:
        return {"silent": f"Ray did not answer in time ({_line(error)})"}
    except (ray.exceptions.RayError, ValueError, TypeError) as error:
        return {"refused": _line(error)}


def _submit(plan: Mapping[str, Any]) -> Answer:
    """Starts the keeper of a submission, and waits until it answers."""
    import ray

    from hashbench.clusters import ray_keeper

    keeper = (
        ray.remote(ray_keeper.Keeper)
        .options(
            name=plan["name"],
            namespace=ray_keeper.NAMESPACE,
            lifetime="detached",
            num_cpus=0,
            # the one node without which there is no cluster
            resources={"node:__internal_head__": 0.001},
            max_restarts=-1,
            max_concurrency=64,
        )
        .remote(json.dumps(plan).encode())
    )
    return {"jobs": ray.get(keeper.states.remote(), timeout=SUBMIT_SECONDS)}


def _jobs() -> dict[str, Any]:
    """The jobs of all keepers. Raises GetTimeoutError where one of them does not answer."""
    import ray

    asked = []
    for name in ray.util.list_named_actors():
        try:
            asked.append(ray.get_actor(name).states.remote())
        except (ValueError, AttributeError):  # it has just ended, or is somebody else's
            continue
    jobs: dict[str, Any] = {}
    for one in asked:
        try:
            jobs |= ray.get(one, timeout=ASK_SECONDS)
        except ray.exceptions.RayActorError:  # it has just ended
            continue
    return jobs


def _order(method: str, job: str, words: list[Any]) -> Answer:
    """Asks the keeper of a job for something; one that has ended needs nothing."""
    import ray

    name, _, number = job.rpartition(".")
    try:
        keeper = ray.get_actor(name)
        ray.get(getattr(keeper, method).remote(int(number), *words), timeout=ASK_SECONDS)
    except (ValueError, ray.exceptions.RayActorError):
        return {"done": False}
    return {"done": True}


def connect(address: str) -> Answer:
    """Joins the cluster as a driver; `silent` where there is none."""
    try:
        import ray
    except ImportError as error:
        return {"missing": str(error)}
    from hashbench.clusters.ray_keeper import NAMESPACE

    try:
        ray.init(
            address=address, namespace=NAMESPACE, log_to_driver=False, logging_level="ERROR",
            configure_logging=True,
        )  # fmt: skip
    except Exception as error:  # its own kinds differ between releases and ways to connect
        return {"silent": _line(error)}
    return {"ready": ray.__version__}


def _line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__


def serve(send: Callable[[Answer], None]) -> None:
    """Answers until nobody asks."""
    stream = os.fdopen(os.dup(0), "rb", buffering=0)
    waiting = b""
    while select.select([stream], [], [], IDLE_SECONDS)[0]:
        content = stream.read(1 << 16)
        if not content:
            return
        *lines, waiting = (waiting + content).split(b"\n")
        for line in lines:
            send(answer(json.loads(line)))


def main() -> None:
    """One life of the process."""
    # whatever Ray prints must not stand among the answers
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)

    def send(one: Answer) -> None:
        out.write(json.dumps(one) + "\n")

    reached = connect(sys.argv[1])
    send(reached)
    if "ready" in reached:
        serve(send)


if __name__ == "__main__":
    main()
