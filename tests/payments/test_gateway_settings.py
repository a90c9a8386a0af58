"""Where the gateway is and what opens it: from the environment or a file, checked before anything is sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from core.payments.gateway_errors import GatewayNotReady
from core.payments.gateway_settings import GatewayAccess, gateway_access

URL = "https://api.gateway.example"
KEY = "SB-Mid-server-abc123"


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTER_HOME", str(tmp_path))
    for name in ("URL", "SERVER_KEY", "SERVER_KEY_FILE", "CONNECT_SECONDS"):
        monkeypatch.delenv(f"COUNTER_GATEWAY_{name}", raising=False)


def test_without_settings_there_is_no_gateway() -> None:
    with pytest.raises(GatewayNotReady) as caught:
        gateway_access()
    assert caught.value.reason == "gateway_not_ready"
    assert "another way to pay" in caught.value.hint


def test_everything_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTER_GATEWAY_URL", f"{URL}/")
    monkeypatch.setenv("COUNTER_GATEWAY_SERVER_KEY", KEY)
    monkeypatch.setenv("COUNTER_GATEWAY_CONNECT_SECONDS", "2.5")
    access = gateway_access()
    assert (access.url, access.server_key.get_secret_value(), access.connect) == (URL, KEY, 2.5)


def test_the_key_from_a_file_and_the_rest_from_the_settings_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text(f"{KEY}\n")
    settings = f'gateway_url = "{URL}"\ngateway_server_key_file = "{tmp_path / "key"}"\nlanguage = "id"\n'
    (tmp_path / "settings.toml").write_text(settings)
    assert gateway_access() == GatewayAccess(URL, SecretStr(KEY))


def test_a_key_file_that_cannot_be_read_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("COUNTER_GATEWAY_URL", URL)
    monkeypatch.setenv("COUNTER_GATEWAY_SERVER_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(GatewayNotReady, match="missing"):
        gateway_access()


def test_a_setting_that_is_no_value_is_named_without_the_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTER_GATEWAY_URL", URL)
    monkeypatch.setenv("COUNTER_GATEWAY_SERVER_KEY", KEY)
    monkeypatch.setenv("COUNTER_GATEWAY_CONNECT_SECONDS", "a moment")
    with pytest.raises(GatewayNotReady, match="COUNTER_GATEWAY_CONNECT_SECONDS") as caught:
        gateway_access()
    assert "a moment" not in str(caught.value.as_json())
    assert caught.value.__context__ is None


def test_a_settings_file_that_is_no_toml(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("gateway_url = ")
    with pytest.raises(GatewayNotReady, match=r"settings\.toml"):
        gateway_access()


@pytest.mark.parametrize(
    "url",
    [
        "http://api.gateway.example",
        "http://127.0.0.1.gateway.example",
        "http://10.0.0.1:8080",
        "ftp://127.0.0.1",
        "api.gateway.example",
        "https://",
        "https://name:password@api.gateway.example",
        "https://api.gateway.example?x=1",
        "https://api.gateway.example:port",
        "",
    ],
)
def test_the_key_travels_over_tls_or_not_at_all(url: str) -> None:
    with pytest.raises(GatewayNotReady, match="address") as caught:
        GatewayAccess(url, SecretStr(KEY))
    assert "password" not in str(caught.value.as_json())


@pytest.mark.parametrize("url", [URL, "http://127.0.0.1:8080", "http://[::1]:8080", "http://localhost:8080"])
def test_this_machine_may_be_asked_without_tls(url: str) -> None:
    assert GatewayAccess(url, SecretStr(KEY)).url == url


@pytest.mark.parametrize(
    "key", ["", "brief", "with space in it", "with:colon-in-it", "line\nbreak-in-it", "schlüssel-1"]
)
def test_a_key_that_cannot_be_one_is_refused_unseen(key: str) -> None:
    with pytest.raises(GatewayNotReady) as caught:
        GatewayAccess(URL, SecretStr(key))
    assert not key or key not in str(caught.value.as_json())
