"""Who is let in by a server: by token, by name, by origin."""

from __future__ import annotations

import socket

import pytest

from hashbench.tui.web.access import Access, host_name, is_loopback

LOCAL = Access("127.0.0.1", "secret")
OPEN = Access("0.0.0.0", "secret")  # noqa: S104 - nothing is bound


@pytest.mark.parametrize("host", ["127.0.0.1:8642", "localhost:9", "localhost", "[::1]:8642"])
def test_a_server_on_loopback_answers_to_names_of_loopback(host: str) -> None:
    assert LOCAL.refusal(host, None) == ""
    assert LOCAL.refusal(host, f"http://{host}") == ""


@pytest.mark.parametrize(
    "host",
    ["evil.example:8642", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1:8642", ""],
)
def test_a_name_that_somebody_points_here_is_refused(host: str) -> None:
    assert "not the server's own" in LOCAL.refusal(host, None)
    assert "not the server's own" in LOCAL.refusal(host, f"http://{host}")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "http://localhost:8642", ""]
)
def test_a_page_of_another_origin_is_refused(origin: str) -> None:
    assert "Another site" in LOCAL.refusal("127.0.0.1:8642", origin)


def test_an_open_server_answers_to_addresses_and_its_own_names() -> None:
    assert OPEN.refusal("192.0.2.7:8642", "https://192.0.2.7:8642") == ""
    assert OPEN.refusal(f"{socket.gethostname()}:8642", None) == ""
    assert Access("Lab.Example", "x").refusal("lab.example:80", None) == ""
    assert "not the server's own" in OPEN.refusal("evil.example:8642", None)


def test_tokens_are_long_and_differ_and_are_never_shown() -> None:
    first, second = Access("127.0.0.1"), Access("127.0.0.1")
    assert len(first.token) >= 40
    assert first.token != second.token
    assert first.cookie != second.cookie
    assert first.token not in repr(first)
    assert first.token not in first.cookie


@pytest.mark.parametrize("given", [None, "", "Secret", "secret ", "secre", "sécret", "\ud800"])
def test_no_other_token_fits(given: str | None) -> None:
    assert not LOCAL.holds_token(given)
    assert LOCAL.holds_token("secret")


def test_hosts_are_taken_apart() -> None:
    assert [host_name(one) for one in ("A:1", "a", "[::1]:5", "::1")] == ["a", "a", "::1", "::1"]
    assert [is_loopback(one) for one in ("127.9.9.9", "::1", "localhost", "192.0.2.1", "lab")] == [
        True, True, True, False, False,
    ]  # fmt: skip
