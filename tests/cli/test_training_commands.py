"""Commands in training: a database of its own, everything marked, and no way into the real one by mistake."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy.engine import make_url

from core import keys
from core.models import roles
from core.ops import prepare
from core.ticket_code import decode
from counter.devices.ticket_layout import PAPER_80
from counter.simulator import GatewaySimulator

Run = Callable[..., Any]
NOTICES = ["LATIHAN - TIDAK BERLAKU", "TRAINING - NOT VALID FOR TRAVEL"]


@pytest.fixture
def owner(empty_database: Any) -> dict[str, str]:
    """What the owner of a database for training has set beside the real one."""
    return {"training_owner_database_url": empty_database.owner_url}


@pytest.fixture
def practise(run: Run, owner: dict[str, str], empty_database: Any, environment: Path) -> Run:
    """Runs a command in training, at a counter of the operator's server, which has a database for it."""
    done = run("admin", "init", "--training", "--days", "3", "--json", **owner)
    assert done.status == 0, done.err
    assert done.json["training"] is True
    assert done.json["demo"] is True
    logins = {"counter": empty_database.counter_url, "supervisor": empty_database.supervisor_url,
              "gate": empty_database.gate_url}  # fmt: skip
    for kind, url in logins.items():
        login = make_url(url).username or ""
        if login not in roles.ROLES:
            prepare.add_login(empty_database.owner_url, login, "KAI", kind)
    urls = {f"training_{kind}_database_url": url for kind, url in logins.items() if kind != "counter"}

    def command(*arguments: str, **changes: str) -> Any:
        return run("--training", *arguments, training_database_url=logins["counter"], **owner, **urls, **changes)

    return command


def sale(day: date, *more: str, pay: str = "cash") -> list[str]:
    words = ["sell", "yk", "gmr", day.isoformat(), "--train", "43", "--class", "EKS", "--pay", pay]
    return [*words, "--passenger", "Budi;3171010101900001", *more]


def test_a_sale_of_training_is_marked_and_sells_nothing(
    practise: Run, run: Run, travel_day: date, environment: Path, escpos: ModuleType, owner_connection: Any
) -> None:
    sold = practise(*sale(travel_day, "--json"))
    assert sold.status == 0, sold.err
    assert sold.json["training"] is True
    assert sold.json["booking_number"].startswith("0")
    assert sold.json["tickets"][0]["ticket_number"].startswith("9")
    printed = escpos.interpret(environment.read_bytes(), PAPER_80.dots).texts
    assert [line.text for line in (*printed[:2], *printed[-2:])] == NOTICES * 2
    ring = Path(environment.parent / "home" / "training" / "keys")
    own, real = keys.load(ring), owner_connection.exec_driver_sql("SELECT fingerprint FROM key_rings").scalars().all()
    assert not {*own.fingerprints().values()} & {bytes(one) for one in real}
    code = sold.json["tickets"][0]["code"]
    assert decode(code, issuer="KAI", public_keys={1: own.ticket_keys[1].public_key()}).says_training is True
    assert owner_connection.exec_driver_sql("SELECT count(*) FROM bookings").scalar() == 0
    assert run("show", sold.json["booking_number"], "--json").json["error"]["code"] == "unknown_booking"
    verified = practise("admin", "verify", "--json")
    assert (verified.status, verified.json["ok"], verified.json["training"]) == (0, True, True)
    checks = {check["name"]: check["checked"] for check in verified.json["checks"]}
    assert checks["training_kept_apart"] == 2


def test_every_answer_says_so_and_no_real_one_does(practise: Run, run: Run, travel_day: date) -> None:
    day = travel_day.isoformat()
    for words in (("search", "yk", "gmr", day), ("shift", "list"), ("show", "0ABCDEF"), ("sell", "yk"), ("nonsense",)):
        trained, real = practise(*words, "--json"), run(*words, "--json")
        assert all(one["training"] is True for one in trained.lines), words
        assert trained.lines
        assert all("training" not in one for one in real.lines), words
    told = practise("search", "yk", "gmr", day)
    assert "TRAINING" in told.err
    assert "TRAINING" not in run("search", "yk", "gmr", day).err


def test_a_real_gate_calls_it_forged_and_says_why(practise: Run, run: Run, travel_day: date) -> None:
    trained = practise(*sale(travel_day, "--json")).json["tickets"][0]["code"]
    real = run(*sale(travel_day, "--json")).json["tickets"][0]["code"]
    gate = {"staff": "2001"}
    at_real = run("checkin", trained, "--station", "YK", "--json", **gate)
    assert (at_real.status, at_real.json["outcome"], at_real.json["claim"]) == (1, "forged", "training")
    assert "a training ticket" in run("checkin", trained, "--station", "YK", **gate).out
    at_training = practise("checkin", real, "--station", "YK", "--json", **gate)
    assert (at_training.status, at_training.json["outcome"], at_training.json["claim"]) == (1, "forged", "real")
    at = {"at": f"{travel_day}T07:25:00+07:00"}
    assert practise("checkin", trained, "--station", "YK", "--at", at["at"], "--json", **gate).json["outcome"] == "ok"
    assert run("checkin", real, "--station", "YK", "--at", at["at"], "--json", **gate).json["outcome"] == "ok"


def test_the_two_are_never_taken_for_each_other(practise: Run, run: Run, database: Any, empty_database: Any) -> None:
    crossed = run("search", "yk", "gmr", "+1", "--json", database_url=empty_database.counter_url)
    assert (crossed.status, crossed.json["error"]["code"]) == (3, "training_mismatch")
    words = ("search", "yk", "gmr", "+1", "--json")
    back = run("--training", *words, training_database_url=database.counter_url)
    assert (back.status, back.json["error"]["code"], back.json["training"]) == (3, "training_mismatch", True)
    for command in (("extend",), ("roles",), ("login", "nobody"), ("keys", "list")):
        owned = run("admin", *command, "--json", owner_database_url=empty_database.owner_url)
        assert (owned.status, owned.json["error"]["code"]) == (3, "training_mismatch"), command
        owned = run("--training", "admin", *command, "--json", training_owner_database_url=database.owner_url)
        assert (owned.status, owned.json["error"]["code"]) == (3, "training_mismatch"), command
    upgrade = run("admin", "init", "--json", owner_database_url=empty_database.owner_url)
    assert (upgrade.status, upgrade.json["error"]["code"]) == (3, "training_mismatch")


def test_a_database_with_real_sales_is_not_made_one(run: Run, database: Any, travel_day: date) -> None:
    assert run(*sale(travel_day, "--json")).status == 0
    refused = run("admin", "init", "--training", "--json", training_owner_database_url=database.owner_url)
    assert (refused.status, refused.json["error"]["code"]) == (1, "training_on_real_data")
    assert run("admin", "verify", "--json").status == 0


def test_beside_an_operators_server_it_says_what_to_set(run: Run) -> None:
    for words, switch in ((("--training",), ""), ((), "1")):
        refused = run(*words, "search", "yk", "gmr", "+1", "--json", training=switch)
        assert (refused.status, refused.json["error"]["code"]) == (3, "training_not_set_up")
        assert "COUNTER_TRAINING_DATABASE_URL" in refused.json["error"]["hint"]
        assert refused.json["training"] is True


def test_the_shift_of_training_is_marked(practise: Run, environment: Path, tmp_path: Path, escpos: ModuleType) -> None:
    opened = practise("shift", "open", "--float", "0", "--json", drawer="printer:2")
    assert opened.status == 0, opened.err
    assert not environment.exists()  # the drawer stays shut: there is real money in it
    shown = practise("shift", "x")
    assert sum(NOTICES[1] in line for line in shown.out.splitlines()) == 2
    closed = practise("shift", "close", "--count", "0", "--json")
    assert closed.status == 0, closed.err
    assert (closed.json["training"], closed.json["z_number"]) == (True, 1)
    printed = escpos.interpret(environment.read_bytes(), PAPER_80.dots).texts
    assert [line.text for line in (*printed[:2], *printed[-2:])] == NOTICES * 2
    for name, words in (("z", ("shift", "z", "1")), ("list", ("shift", "list"))):
        table = tmp_path / f"{name}.csv"
        assert practise(*words, "--csv", str(table), "--json").json["training"] is True
        lines = table.read_text(encoding="utf-8").splitlines()
        assert lines[0] == lines[-1]
        assert NOTICES[1] in lines[0]


def test_qris_goes_to_the_simulator_alone(practise: Run, travel_day: date) -> None:
    real = {"gateway_url": "https://gateway.example.com", "gateway_server_key": "SB-real-secret-key"}
    with GatewaySimulator() as simulator:
        away = practise(*sale(travel_day, "--json", pay="qris"), **real, training_gateway_url="http://127.0.0.1:1")
        assert (away.status, away.json["error"]["code"]) == (3, "gateway_unreachable")
        assert "gateway-simulator" in away.json["error"]["hint"]
        asked = practise(
            *sale(travel_day, "--wait", "0", "--json", pay="qris"), **real, training_gateway_url=simulator.url
        )
        assert json.loads(asked.out.splitlines()[-1])["error"]["code"] == "payment_pending", asked.err
    elsewhere = practise(*sale(travel_day, "--json", pay="qris"), training_gateway_url="https://gateway.example.com")
    assert (elsewhere.status, elsewhere.json["error"]["code"]) == (3, "gateway_not_ready")
