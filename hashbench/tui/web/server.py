"""The web server of `hashbench serve`: a page with a terminal, and a workbench for each tab.

The page, the pipe protocol and downloads are those of textual-serve, which lets everybody in,
starts programs through a shell, loads a font from the network, and leaves programs behind that do
not listen any more.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp_jinja2
import jinja2
from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.server import Server, to_int

from hashbench.tui.web.access import NEEDS_LINK, Access

MOST_TABS = 16
TOO_MANY = f"\r\n  {MOST_TABS} workbenches are open already: close a tab, then reload this one.\r\n"
END_SECONDS = 3.0  # until a workbench that was asked to quit is killed
PAGE = Path(__file__).with_name("page")

HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
POLICY = (
    "default-src 'self'; connect-src 'self' ws://{host} wss://{host}; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page may load from and speak to this server alone. xterm.js writes its styles itself."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class TabProcess(AppService):  # type: ignore[misc] # untyped where textual-serve is missing
    """One tab's workbench: the process behind a websocket."""

    def __init__(self, arguments: list[str], socket: web.WebSocketResponse, server: Server) -> None:
        super().__init__(
            "",
            write_bytes=socket.send_bytes,
            write_str=socket.send_str,
            close=socket.close,
            download_manager=server.download_manager,
        )
        self._arguments = arguments
        self._process: Process | None = None
        self._task: asyncio.Task[None] | None = None

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        environment = self._build_environment(width=width, height=height)
        environment["TEXTUAL_DRIVER"] = "hashbench.tui.web.tab:TabDriver"
        command = [sys.executable, "-m", "hashbench.tui.web.tab", *self._arguments]
        self._process = await asyncio.create_subprocess_exec(
            *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment
        )
        self._stdin = self._process.stdin
        return self._process

    async def stop(self) -> None:
        """Asks the workbench to quit, and kills it where it does not."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        self._task = None
        await self._download_manager.cancel_app_downloads(app_service_id=self.app_service_id)
        await self.send_meta({"type": "quit"})
        try:
            # it may have shown more than the tab took: unread, it would wait for ever
            ending = asyncio.gather(task, self._read_rest(task, process), process.wait())
            await asyncio.wait_for(ending, END_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()

    @staticmethod
    async def _read_rest(task: asyncio.Task[None], process: Process) -> None:
        await asyncio.wait([task])
        while process.stdout is not None and await process.stdout.read(1 << 16):
            pass


class BenchServer(Server):  # type: ignore[misc] # untyped where textual-serve is missing
    """Serves workbenches that are started with `arguments` to those who hold the token."""

    def __init__(self, arguments: list[str], access: Access) -> None:
        super().__init__("", host=access.host, title="hashbench", templates_path=PAGE)
        self._arguments = arguments
        self._access = access
        self._tabs: set[web.WebSocketResponse] = set()

    async def run(self, listening: socket.socket, ready: Callable[[], None]) -> None:
        """Serves until SIGINT or SIGTERM; `ready` is called as soon as the server answers."""
        runner = web.AppRunner(await self._make_app(), shutdown_timeout=2 * END_SECONDS)
        await runner.setup()
        await web.SockSite(runner, listening).start()
        over = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, over.set)
        ready()
        await over.wait()
        await runner.cleanup()

    async def _make_app(self) -> web.Application:
        app = web.Application(middlewares=[self._guard])
        aiohttp_jinja2.setup(
            app, loader=jinja2.FileSystemLoader(self.templates_path), autoescape=True
        )
        app.add_routes(
            [
                web.get("/", self.handle_index, name="index"),
                web.get("/ws", self.handle_websocket, name="websocket"),
                web.get("/download/{key}", self.handle_download, name="download"),
                web.static("/static", self.statics_path, name="static"),
                web.static("/page", PAGE, name="page"),
            ]
        )
        app.on_shutdown.append(self.on_shutdown)
        return app

    @web.middleware  # type: ignore[untyped-decorator] # where aiohttp is missing
    async def _guard(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Lets nobody in without the token. The link's token becomes a cookie at once, so that it
        stands neither in the history nor in the address that others see on a screen.
        """
        access = self._access
        refused = access.refusal(request.host, request.headers.get("Origin"))
        if refused:
            return _forbidden(refused)
        given = request.query.get("token")
        if given is not None:
            if not access.holds_token(given):
                return _forbidden(NEEDS_LINK)
            query = [(name, value) for name, value in request.query.items() if name != "token"]
            answer = web.Response(status=303, headers=HEADERS)
            answer.headers["Location"] = str(request.rel_url.with_query(query))
            answer.set_cookie(access.cookie, access.token, httponly=True, samesite="Lax")
            return answer
        if not access.holds_token(request.cookies.get(access.cookie)):
            return _forbidden(NEEDS_LINK)
        answered = await handler(request)
        if not answered.prepared:
            answered.headers.update(HEADERS)
            answered.headers["Content-Security-Policy"] = POLICY.format(host=request.host)
        return answered

    async def handle_index(self, request: web.Request) -> web.Response:
        """The page. Its addresses follow the one in use: a tunnel may end at another port."""
        font_size = min(max(to_int(request.query.get("fontsize", "16"), 16), 6), 48)
        secure = request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
        socket_url = f"{'wss' if secure else 'ws'}://{request.host}/ws"
        shown = {"font_size": font_size, "websocket_url": socket_url}
        return aiohttp_jinja2.render_template("index.html", request, shown)

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """Runs a workbench for as long as the tab is open."""
        tab = web.WebSocketResponse(heartbeat=15)
        await tab.prepare(request)
        if len(self._tabs) >= MOST_TABS:
            await tab.send_bytes(TOO_MANY.encode())
            await tab.close()
            return tab
        self._tabs.add(tab)
        process = TabProcess(self._arguments, tab, self)
        size = (to_int(request.query.get(side, ""), 0) for side in ("width", "height"))
        width, height = (min(max(cells, 20), 1000) for cells in size)
        try:
            await process.start(width, height)
            await self._process_messages(tab, process)
        finally:
            self._tabs.discard(tab)
            await asyncio.shield(process.stop())
        return tab

    async def on_shutdown(self, app: web.Application) -> None:  # noqa: ARG002 - aiohttp's
        """Closes the tabs, and with them their workbenches."""
        await asyncio.gather(*(tab.close(code=1001) for tab in list(self._tabs)))


def _forbidden(text: str) -> web.Response:
    return web.Response(status=403, text=text + "\n", headers=HEADERS)


def serve(
    arguments: list[str], access: Access, listening: socket.socket, ready: Callable[[], None]
) -> None:
    """Serves until it is interrupted. `arguments` are those of `hashbench.tui.web.tab`."""
    os.environ.pop("COLUMNS", None)  # of the terminal here, which the tabs have nothing to do with
    asyncio.run(BenchServer(arguments, access).run(listening, ready))
