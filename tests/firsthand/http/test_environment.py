"""Settings of the environment that cannot be used are refused in words, and never end in a traceback."""

import pytest

from firsthand import Client, errors

PROXIES = ["socks5://proxy:1080", "socks4://proxy:1080", "socks5h://user:secret@proxy:1", "http://[::1", "ftp://proxy"]


@pytest.mark.slow
@pytest.mark.parametrize("proxy", [*PROXIES, "://", "http://proxy:port", "http://us\x1ber:secret@proxy:port"])
@pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY", "all_proxy"])
def test_a_proxy_that_cannot_be_used_is_named(name: str, proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, proxy)
    with pytest.raises(errors.CredentialsError, match="The proxy of the environment cannot be used") as caught:
        Client("http://registry.test")
    assert f"{name}=" in str(caught.value)
    assert "NO_PROXY=registry.test" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
    if proxy.startswith("socks5"):
        assert "SOCKS proxies are not supported" in str(caught.value)


def test_a_proxy_does_not_matter_for_a_registry_on_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "socks5://proxy:1080")
    Client("http://127.0.0.1:9").close()


def test_certificates_that_do_not_exist_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/certificates.pem")
    with pytest.raises(errors.CredentialsError, match="Check SSL_CERT_FILE"):
        Client("https://registry.test")


@pytest.mark.parametrize(
    "value", ["inf", "-inf", "nan", "0", "-1", "1e400", "86401", "1_0x", "ten", " ", "60s", "0x10"]
)
def test_a_time_limit_that_cannot_be_used_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRSTHAND_TIMEOUT", value)
    with pytest.raises(errors.CredentialsError, match="set it to a number of seconds above 0 and up to 86,400"):
        Client("http://registry.test")


@pytest.mark.parametrize(
    "arguments", [{"timeout": float("inf")}, {"timeout": 0}, {"retries": -1}, {"longest_wait": -1}]
)
def test_arguments_that_cannot_be_used_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(errors.InvalidArgument):
        Client("http://registry.test", **arguments)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:99999", "http://..", f"http://{'a' * 64}.test", "http://registry.test:0"]
)
def test_an_address_that_no_host_can_have_is_unreachable(url: str) -> None:
    with pytest.raises(errors.Unreachable), Client(url, retries=0) as client:
        client.dataset("a/b")
    with pytest.raises(errors.Unreachable), Client(url, retries=0) as client:
        list(client.mix_digests("0" * 32))
    with Client(url, retries=0) as client:
        assert not client.health()
