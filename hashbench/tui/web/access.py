"""Who may use the server: those who hold its token, under a name that is the server's own.

A web page of somebody else cannot read the token. It could point a name of its own at 127.0.0.1
and have the browser ask here (DNS rebinding), or open a websocket from elsewhere; so `Host` must
name this machine, and `Origin` must be the page that this server sent.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from dataclasses import dataclass, field

NEEDS_LINK = "The workbench opens only with the whole link that `hashbench serve` printed."
WRONG_NAME = (
    "This address is not the server's own: open the link that `hashbench serve` printed, or use "
    "the server's IP address."
)
WRONG_ORIGIN = "Another site's page asked for this, so it is refused."


@dataclass(frozen=True)
class Access:
    """The rules of one server. `host` is the address or name that it listens on."""

    host: str
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def cookie(self) -> str:
        """The cookie's name. Cookies do not know ports, so each server has a name of its own."""
        return f"hashbench-{hashlib.sha256(self.token.encode()).hexdigest()[:12]}"

    def holds_token(self, presented: str | None) -> bool:
        """Whether this is the token; how long it takes tells nothing of how much of it fits."""
        return presented is not None and hmac.compare_digest(
            presented.encode(errors="replace"), self.token.encode()
        )

    def refusal(self, host: str, origin: str | None) -> str:
        """Why a request with these headers is refused, empty where it is not."""
        if not self._is_ours(host_name(host)):
            return WRONG_NAME
        if origin is not None and origin not in (f"http://{host}", f"https://{host}"):
            return WRONG_ORIGIN
        return ""

    def _is_ours(self, name: str) -> bool:
        """A server on loopback is asked as loopback. Any other goes by every IP address of its
        machine, which nobody can point elsewhere, and by the machine's names.
        """
        if name == "localhost":
            return True
        address = _address(name)
        if is_loopback(self.host):
            return address is not None and address.is_loopback
        names = (self.host, socket.gethostname(), socket.getfqdn())
        return address is not None or name in [one.lower() for one in names]


def host_name(host: str) -> str:
    """The name or address in a `Host` header, without port and brackets."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower() if host.count(":") == 1 else host.lower()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches a server that listens there."""
    address = _address(host)
    return host.lower() == "localhost" or (address is not None and address.is_loopback)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
