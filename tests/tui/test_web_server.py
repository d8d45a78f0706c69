"""The server of `hashbench serve`, asked over its socket as browsers and intruders ask."""

from __future__ import annotations

import asyncio
import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from hashbench.cli import serve as serve_cli
from hashbench.errors import InputError
from tests.tui import fixtures
from tests.tui.serving import PROGRAM, Served, letters, wait

aiohttp = pytest.importorskip("aiohttp", reason="needs pip install 'hashbench[serve]'")
pytest.importorskip("textual_serve", reason="needs pip install 'hashbench[serve]'")

PATHS = ("/", "/ws", "/static/js/textual.js", "/page/page.css", "/download/key", "/nothing")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("served")
    fixtures.finished(folder / "runs", fixtures.spec(), 1)
    running = Served(folder, "--runs-dir", str(folder / "runs"))
    yield running
    running.end(signal.SIGKILL)


Answer = tuple[int, dict[str, str], str]


def ask(served: Served, path: str, **headers: str) -> Answer:
    """(status, headers, body); underscores in names of headers stand for hyphens."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=30)
    connection.request("GET", path, headers={k.replace("_", "-"): v for k, v in headers.items()})
    answer = connection.getresponse()
    body = answer.read().decode(errors="replace")
    connection.close()
    return answer.status, dict(answer.getheaders()), body


def cookie(served: Served) -> str:
    return ask(served, f"/?token={served.token}")[1]["Set-Cookie"].partition(";")[0]


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_shown_without_the_token(served: Served, path: str) -> None:
    for answer in (
        ask(served, path),
        ask(served, f"{path}?token=wrong"),
        ask(served, path, Cookie="hashbench=wrong"),
        ask(served, path, Cookie=cookie(served)[:-1]),
    ):
        status, _, body = answer
        assert status == 403
        assert body.strip() == (
            "The workbench opens only with the whole link that `hashbench serve` printed."
        )


def test_the_token_becomes_a_cookie_and_leaves_the_address(served: Served) -> None:
    status, headers, _ = ask(served, f"/?fontsize=20&token={served.token}")
    assert (status, headers["Location"]) == (303, "/?fontsize=20")
    for word in ("HttpOnly", "SameSite=Lax", "Path=/"):
        assert word in headers["Set-Cookie"]
    status, headers, body = ask(served, "/?fontsize=20", Cookie=cookie(served))
    assert status == 200
    assert 'data-font-size="20"' in body
    assert f"ws://127.0.0.1:{served.port}/ws" in body
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"
    assert "https://" not in body  # nothing is loaded from elsewhere
    assert ask(served, "/page/page.css", Cookie=cookie(served))[0] == 200
    assert ask(served, "/download/key", Cookie=cookie(served))[0] == 404


@pytest.mark.parametrize("path", ["/", "/ws"])
def test_the_token_does_not_help_other_sites(served: Served, path: str) -> None:
    own = cookie(served)
    rebound = ask(served, path, Cookie=own, Host=f"evil.example:{served.port}")
    assert (rebound[0], "not the server's own" in rebound[2]) == (403, True)
    foreign = ask(served, path, Cookie=own, Origin="http://evil.example")
    assert (foreign[0], "Another site's page" in foreign[2]) == (403, True)
    with_token = ask(served, f"{path}?token={served.token}", Host="evil.example")
    assert with_token[0] == 403


def test_a_tunnel_may_end_at_another_port(served: Served) -> None:
    status, _, body = ask(served, "/", Cookie=cookie(served), Host="localhost:9999")
    assert status == 200
    assert "ws://localhost:9999/ws" in body


class Tab:
    """What a tab is sent. It is read at any time, or else the server's pings were not answered."""

    def __init__(self, socket: Any) -> None:
        self._socket, self._seen = socket, bytearray()
        self._reading = asyncio.ensure_future(self._read())

    async def _read(self) -> None:
        async for message in self._socket:
            self._seen += message.data

    async def shows(self, text: str, seconds: float = 60.0) -> None:
        """Waits until it was sent the text."""
        end = time.monotonic() + seconds
        while text not in letters(bytes(self._seen)):
            assert time.monotonic() < end, letters(bytes(self._seen))[-2000:]
            assert not self._reading.done(), "it was closed"
            await asyncio.sleep(0.05)


def test_each_tab_has_a_workbench_that_ends_with_it(served: Served) -> None:
    async def look() -> None:
        headers = {"Cookie": cookie(served), "Origin": f"http://127.0.0.1:{served.port}"}
        url = f"http://127.0.0.1:{served.port}/ws?width=100&height=30"
        async with aiohttp.ClientSession() as session:
            async with (
                session.ws_connect(url, headers=headers) as first,
                session.ws_connect(url, headers=headers) as second,
            ):
                tabs = Tab(first), Tab(second)
                for tab in tabs:
                    await tab.shows("finished")
                assert len(served.tabs()) == 2
                await first.send_json(["stdin", "?"])
                await tabs[0].shows("resume stopped and lost runs")
            await asyncio.to_thread(wait, lambda: not served.tabs())

    asyncio.run(look())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=["ctrl-c", "killed"])
def test_no_workbench_outlives_the_server(number: int, tmp_path: Path) -> None:
    served = Served(tmp_path, "--runs-dir", str(tmp_path / "runs"))

    async def look() -> list[psutil.Process]:
        url = f"http://127.0.0.1:{served.port}/ws?width=100&height=30"
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, headers={"Cookie": cookie(served)}) as tab,
        ):
            await Tab(tab).shows("no runs")
            tabs = served.tabs()
            assert len(tabs) == 1
            code = await asyncio.to_thread(served.end, number)
            assert code == (0 if number == signal.SIGINT else -signal.SIGKILL)
        return tabs

    tabs = asyncio.run(look())
    wait(lambda: not any(tab.is_running() for tab in tabs))


def test_another_port_is_taken_where_the_usual_one_is(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        monkeypatch.setattr(serve_cli, "USUAL_PORT", port)
        with serve_cli.listen("127.0.0.1", None) as free:
            assert free.getsockname()[1] != port
        with pytest.raises(InputError, match=f"--port {port}: port {port} is taken"):
            serve_cli.listen("127.0.0.1", port)
    with serve_cli.listen("127.0.0.1", None) as usual:
        assert usual.getsockname() == ("127.0.0.1", port)
    with pytest.raises(InputError, match=r"--host 192\.0\.2\.1: cannot listen there"):
        serve_cli.listen("192.0.2.1", None)


def test_it_says_in_one_sentence_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / "textual_serve").mkdir()
    hidden = "raise ModuleNotFoundError(name='textual_serve')\n"
    (tmp_path / "textual_serve" / "__init__.py").write_text(hidden)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, "serve"],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "error: hashbench serve: a browser is served by textual-serve: textual_serve is not "
        "installed\n  remedy: pip install 'hashbench[serve]'; `hashbench tui` works in any "
        "terminal\n"
    )
