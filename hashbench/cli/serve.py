"""`hashbench serve`: the workbench in a browser."""

from __future__ import annotations

import json
import socket
from typing import Annotated

import typer

from hashbench.cli.options import DATA_DIR, RUNS_DIR, DataDir, Json, RunsDir
from hashbench.cli.tui import Demo, Speed, check_demo

USUAL_PORT = 8642


def serve_command(
    port: Annotated[
        int | None,
        typer.Option(
            "--port", min=1, max=65535, help=f"[default: {USUAL_PORT}, any free one where taken]"
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            help="Where to listen. Any other than the default lets other machines in: whoever "
            "holds the link can then do all that you can do in the workbench, and what goes over "
            "the network is not encrypted. An ssh tunnel is safer: `hashbench guide workbench`.",
        ),
    ] = "127.0.0.1",
    demo: Demo = False,
    speed: Speed = None,
    json_: Json = False,
    data_dir: DataDir = DATA_DIR,
    runs_dir: RunsDir = RUNS_DIR,
) -> None:
    """Serve the workbench to a browser on this machine, until Ctrl-C.

    The link it prints holds a token that is another at every start, and nothing is shown without
    it. Each tab has a workbench of its own; closing it leaves workers running.
    """
    from hashbench.errors import InputError
    from hashbench.tui.web.access import Access, is_loopback

    try:
        from hashbench.tui.web.server import serve
    except ModuleNotFoundError as error:
        raise InputError(
            f"a browser is served by textual-serve: {error.name} is not installed",
            where="hashbench serve",
            remedy="pip install 'hashbench[serve]'; `hashbench tui` works in any terminal",
        ) from None
    # the port is taken before the link that names it is printed
    demo_speed = check_demo(speed, demo=demo)
    access = Access(host)
    listening = listen(host, port)
    chosen = listening.getsockname()[1]
    url = f"http://{_in_url(host)}:{chosen}/?token={access.token}"

    def ready() -> None:
        if json_:
            typer.echo(json.dumps({"url": url, "host": host, "port": chosen}))
        else:
            typer.echo(f"The workbench of {runs_dir}, until Ctrl-C:\n\n  {url}\n")
            typer.echo(_advice(chosen, loopback=is_loopback(host)))

    arguments = ["--runs-dir", str(runs_dir.resolve()), "--data-dir", str(data_dir.resolve())]
    if demo_speed is not None:
        arguments += ["--demo-speed", str(demo_speed)]
    serve(arguments, access, listening, ready)


def listen(host: str, port: int | None) -> socket.socket:
    """A socket that listens on a port, or on the usual one or else any free one where it is None.

    Raises InputError for a port that is taken, and for a host that this machine has not.
    """
    from hashbench.errors import InputError

    mine = "an address of this machine; 127.0.0.1 is the one that only this machine reaches"
    try:
        host.encode("idna")  # as the system will, with an error that leaves a socket open
    except UnicodeError:
        raise InputError("is no name of a host", where=f"--host {host}", remedy=mine) from None
    for wanted in (USUAL_PORT, 0) if port is None else (port,):
        try:
            return socket.create_server(
                (host, wanted), family=socket.AF_INET6 if ":" in host else socket.AF_INET
            )
        except OSError as error:
            failure, taken = error, _is_taken(error)
            if not taken:
                break
    raise InputError(
        f"port {port} is taken" if taken else f"cannot listen there: {failure.strerror}",
        where=f"--port {port}" if taken else f"--host {host}",
        remedy="another port, or none: then a free one is chosen" if taken else mine,
    )


def _is_taken(error: OSError) -> bool:
    import errno

    return error.errno == errno.EADDRINUSE


def _in_url(host: str) -> str:
    """The host as a link names it: an address for all of the machine's is no place to go to."""
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return socket.gethostname()
    return f"[{host}]" if ":" in host else host


def _advice(port: int, *, loopback: bool) -> str:
    if loopback:
        return (
            "Only this machine reaches it. From another one, first\n"
            f"  ssh -L {port}:127.0.0.1:{port} {socket.gethostname()}\n"
            "and then open the same link there."
        )
    return (
        "Other machines reach it: whoever holds this link can start, stop and delete runs as you, "
        "and\nwhat goes over the network is not encrypted. Without --host only this machine does."
    )
