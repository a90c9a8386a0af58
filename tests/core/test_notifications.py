"""Messages: planned from events, sent once by mail and webhook, tried again, given up, looked into."""

from __future__ import annotations

import email
import hashlib
import hmac
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiosmtpd.controller import Controller
from pydantic import SecretStr

from core import approvals, contacts, disruption, job_failures, notification_dispatch, policy, train_refund
from core import notification_routes as routes
from core.config import settings
from core.database import Actor
from core.errors import NotPermitted, NotReady, Refused
from core.notification_catalogue import _TEXTS, CONFIGURABLE, EVENTS, render
from core.notification_dispatch import Sent
from core.notification_routes import Configuration
from core.notification_senders import Sender, sender_for
from core.notification_settings import MailServer, Webhook, channels
from core.notifications import plan
from core.shifts.movements import Move, wish_for
from tests.conftest import sign_in

if TYPE_CHECKING:
    from tests.conftest import TestDatabase
    from tests.core.conftest import Desk

SECRET = "a secret between two"


class Mailbox:
    """What a mail server took; it gives ``refuse`` answers first."""

    def __init__(self) -> None:
        self.mails: list[Message] = []
        self.refuse: list[str] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.refuse:
            return self.refuse.pop(0)
        self.mails.append(email.message_from_bytes(envelope.content))
        return "250 taken"

    @property
    def keys(self) -> list[str]:
        return [str(one["Message-ID"]) for one in self.mails]


class Receiver(ThreadingHTTPServer):
    """What a webhook took."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.refuse: list[int] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/messages"

    @property
    def keys(self) -> list[str]:
        return [headers["Idempotency-Key"] for headers, _ in self.taken]


class _Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = self.server.refuse.pop(0) if self.server.refuse else 202
        if status == 202:
            self.server.taken.append((dict(self.headers), body))
        self.send_response(status)
        self.end_headers()

    def log_message(self, format: str, *arguments: Any) -> None:
        """Nothing is told."""


def free_port() -> int:
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@pytest.fixture
def mailbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Mailbox]:
    box, port = Mailbox(), free_port()
    running = Controller(box, hostname="127.0.0.1", port=port)
    running.start()
    for name, value in {"HOST": "127.0.0.1", "PORT": port, "SECURITY": "none", "FROM": "tiket@example.org"}.items():
        monkeypatch.setenv(f"COUNTER_SMTP_{name}", str(value))
    yield box
    running.stop()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    running = Receiver()
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    monkeypatch.setenv("COUNTER_SMS_WEBHOOK_URL", running.url)
    monkeypatch.setenv("COUNTER_SMS_WEBHOOK_SECRET", SECRET)
    yield running
    running.shutdown()
    thread.join()
    running.server_close()


@pytest.fixture
def supervisor(desk: Desk) -> Actor:
    return sign_in(desk.office, "3001", "SUPER-1")


def senders() -> dict[str, Sender]:
    return {name: sender_for(one) for name, one in channels().items()}


def dispatch(desk: Desk) -> Sent:
    return notification_dispatch.run(desk.office, senders())


def wish(desk: Desk, supervisor: Actor, event: str, channel: str, **more: Any) -> None:
    routes.configure(desk.office, supervisor, Configuration(event, channel, **more))


def let_time_pass(desk: Desk) -> None:
    desk.owner("UPDATE notification_deliveries SET next_try_at = now() - interval '1 second'")


def sold_with_contact(desk: Desk, number: int = 1) -> str:
    sold = desk.sell(1, first=number)
    contacts.leave(
        desk.office, desk.clerk, sold.booking_number, phone=f"0812000{number:04}", email=f"sari{number}@example.org"
    )
    return sold.booking_number


def test_a_confirmation_goes_out_once_by_each_way(
    desk: Desk, supervisor: Actor, mailbox: Mailbox, receiver: Receiver
) -> None:
    wish(desk, supervisor, "booking.confirmed", "email", details={"language": "en"})
    wish(desk, supervisor, "booking.confirmed", "sms")
    number = sold_with_contact(desk)
    done = dispatch(desk)
    assert (done.sent, done.failed, done.dead) == (2, 0, 0)
    (mail,) = mailbox.mails
    assert (mail["To"], mail["Subject"]) == ("sari1@example.org", f"Booking {number}")
    assert "train 43 Taksaka, YK-GMR" in mail.get_payload().replace("\r\n", " ").replace("=\n", "")
    ((headers, body),) = receiver.taken
    said = json.loads(body)
    assert (said["to"], said["language"], said["event"][:8]) == ("+628120000001", "id", "booking.")
    assert "PENUMPANG" not in body.decode().upper().replace("1 PENUMPANG", "")
    signed = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert headers["X-Signature"] == f"sha256={signed}"
    contacts.leave(desk.office, desk.clerk, number, phone="08120000001")
    assert dispatch(desk).sent == 0
    assert desk.value("SELECT count(*) FROM notification_deliveries WHERE recipient IS NOT NULL") == 0


def test_nothing_goes_out_that_nobody_configured(desk: Desk, mailbox: Mailbox, receiver: Receiver) -> None:
    sold_with_contact(desk)
    done = dispatch(desk)
    assert (done.sent, mailbox.mails, receiver.taken) == (0, [], [])
    assert done.events > 0
    assert desk.value("SELECT count(*) FROM domain_events WHERE processing_status = 'pending'") == 0


def test_the_nearest_configuration_counts(desk: Desk) -> None:
    everywhere = Configuration("schedule.delayed", "sms")
    not_here = Configuration("schedule.delayed", "sms", station_id=5, is_enabled=False)
    this_train = Configuration("schedule.delayed", "sms", train_id=7, details={"language": "en"})
    chosen = [everywhere, not_here, this_train]
    assert routes.routes(chosen, "schedule.delayed", station_id=1, train_id=1) == (everywhere,)
    assert routes.routes(chosen, "schedule.delayed", station_id=5, train_id=1) == ()
    assert routes.routes(chosen, "schedule.delayed", station_id=5, train_id=7) == (this_train,)
    assert routes.routes([], "schedule.delayed", station_id=1, train_id=1) == ()
    assert [one.channel for one in routes.routes([], "approval.requested", station_id=1, train_id=None)] == ["screen"]


def test_only_supervisors_configure(desk: Desk, supervisor: Actor) -> None:
    with pytest.raises(NotPermitted):
        wish(desk, desk.clerk, "schedule.delayed", "sms")
    with pytest.raises(Refused):
        wish(desk, supervisor, "schedule.flown", "sms")
    wish(desk, supervisor, "schedule.delayed", "sms")
    wish(desk, supervisor, "schedule.delayed", "sms", is_enabled=False)
    assert [one.is_enabled for one in routes.listed(desk.office, supervisor)] == [False]
    routes.withdraw(desk.office, supervisor, Configuration("schedule.delayed", "sms"))
    assert routes.listed(desk.office, supervisor) == []


def test_a_late_and_a_cancelled_train_are_told_to_everybody(desk: Desk, supervisor: Actor, receiver: Receiver) -> None:
    for event in ("schedule.delayed", "schedule.cancelled", "refund.initiated"):
        wish(desk, supervisor, event, "sms", details={"language": "en"})
    numbers = [sold_with_contact(desk, n) for n in (1, 2, 3)]
    disruption.delay(desk.office, supervisor, "43", desk.day, 90, "signal failure")
    assert dispatch(desk).sent == 3
    assert all("90 minutes late (signal failure)" in json.loads(body)["text"] for _, body in receiver.taken)
    disruption.cancel(desk.office, supervisor, "43", desk.day, "flood")
    asked = train_refund.request(desk.office, supervisor, "43", desk.day, "flood")
    approvals.decide(desk.office, sign_in(desk.office, "9001", "SUPER-2"), asked.id, approve=True)
    job = train_refund.start(desk.office, supervisor, asked)
    train_refund.go_on(desk.office, supervisor, job.id)
    assert dispatch(desk).sent == 6
    told = [json.loads(body)["text"] for _, body in receiver.taken[3:]]
    for number in numbers:
        assert sum(number in text for text in told) == 2
    assert len(set(receiver.keys)) == 9


def test_staff_are_told_on_the_screen(desk: Desk, supervisor: Actor) -> None:
    move = Move("cash_out", 900_000, "change for the kiosk")
    approvals.request(desk.office, desk.clerk, wish_for(desk.office, desk.clerk, move), "change for the kiosk")
    notification_dispatch.run(desk.office, {})
    notification_dispatch.run(desk.office, {})
    rows = desk.owner("SELECT u.staff_number, n.title FROM notifications n JOIN users u ON u.id = n.user_id")
    assert {row.staff_number for row in rows} == {"3001", "9001"}
    assert len(rows) == 2


def test_what_fails_is_tried_again_later(desk: Desk, supervisor: Actor, receiver: Receiver) -> None:
    wish(desk, supervisor, "booking.confirmed", "sms")
    sold_with_contact(desk)
    receiver.refuse = [503, 429]
    assert dispatch(desk).failed == 1
    assert dispatch(desk).failed == 0  # it waits
    let_time_pass(desk)
    assert dispatch(desk).failed == 1
    wait = "SELECT extract(epoch FROM next_try_at - updated_at)::int FROM notification_deliveries"
    assert desk.value(wait) == 60
    let_time_pass(desk)
    assert dispatch(desk).sent == 1
    assert len(receiver.taken) == 1


def test_after_so_many_attempts_a_person_looks_at_it(desk: Desk, supervisor: Actor, receiver: Receiver) -> None:
    desk.decide(policy.NOTIFICATION_ATTEMPTS, 2)
    wish(desk, supervisor, "booking.confirmed", "sms")
    sold_with_contact(desk)
    receiver.refuse = [500, 500, 400]
    dispatch(desk)
    let_time_pass(desk)
    assert dispatch(desk).dead == 1
    (failure,) = job_failures.listed(desk.office, supervisor)
    assert (failure.kind, failure.attempts, failure.context["channel"]) == ("notification", 2, "sms")
    assert "500" in failure.exception
    with pytest.raises(NotPermitted):
        notification_dispatch.try_again(desk.office, desk.clerk, failure.id)
    notification_dispatch.try_again(desk.office, supervisor, failure.id)
    assert dispatch(desk).dead == 1  # 400: for good
    (again,) = job_failures.listed(desk.office, supervisor)
    job_failures.resolve(desk.office, supervisor, again.id, "told by telephone")
    assert job_failures.listed(desk.office, supervisor) == []
    assert notification_dispatch.standing(desk.office) == {"dead": 1}


def test_mail_that_is_refused_for_good_is_dead_at_once(desk: Desk, supervisor: Actor, mailbox: Mailbox) -> None:
    wish(desk, supervisor, "booking.confirmed", "email")
    sold_with_contact(desk)
    mailbox.refuse = ["451 later", "550 no such mailbox"]
    assert dispatch(desk).failed == 1
    let_time_pass(desk)
    assert dispatch(desk).dead == 1
    assert mailbox.mails == []


def test_a_dead_channel_delays_no_sale(desk: Desk, supervisor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTER_SMS_WEBHOOK_URL", f"http://127.0.0.1:{free_port()}/gone")
    wish(desk, supervisor, "booking.confirmed", "sms")
    sold_with_contact(desk)
    assert dispatch(desk).failed == 1
    assert desk.sell(1, first=2).status == "confirmed"
    desk.require_sound()


def test_old_messages_are_not_sent_any_more(desk: Desk, supervisor: Actor, receiver: Receiver) -> None:
    wish(desk, supervisor, "booking.confirmed", "sms")
    sold_with_contact(desk)
    plan(desk.office)
    desk.owner("UPDATE notification_deliveries SET created_at = now() - interval '73 hours'")
    assert dispatch(desk).dead == 1
    assert receiver.taken == []


def test_training_sends_nothing_out(desk: Desk, supervisor: Actor, receiver: Receiver, open_office: Any) -> None:
    wish(desk, supervisor, "booking.confirmed", "sms")
    sold_with_contact(desk)
    plan(desk.office)  # while it was real
    sold_with_contact(desk, 2)
    practising = open_office()
    object.__setattr__(practising.operator, "is_training", True)
    assert notification_dispatch.run(practising, senders()).sent == 0
    assert receiver.taken == []
    assert desk.count("notification_deliveries") == 1


def test_training_knows_no_channel(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(channels()) == {"sms"}
    monkeypatch.setenv("COUNTER_TRAINING", "1")
    assert channels() == {}


@pytest.mark.parametrize(
    "make",
    [
        lambda: MailServer("mail.example.org", 25, "a@example.org", "none"),
        lambda: Webhook("http://hooks.example.org/"),
        lambda: Webhook("https://user@hooks.example.org/", SecretStr("x")),
    ],
)
def test_nothing_travels_in_the_open(make: Any) -> None:
    with pytest.raises(NotReady):
        make()


def test_every_event_has_its_words() -> None:
    facts = {"amount": 250_000, "departs": "2026-11-25T07:30:00+07:00", "booking": "ABCDEFG", "reason": "x"}
    for kind in EVENTS.values():
        for language in ("id", "en"):
            words = render(kind.template, language, facts, "IDR")
            assert words.subject
            assert "\n" not in words.subject
    assert {kind.template for kind in EVENTS.values()} == set(_TEXTS)
    assert "IDR 250.000" in render("refund_paid", "id", facts, "IDR").body
    assert "booking.contact_left" not in CONFIGURABLE


def killed(database: TestDatabase, moment: str, number: int) -> None:
    program = Path(__file__).with_name("dispatcher.py")
    settings.cache_clear()
    done = subprocess.run(
        [sys.executable, str(program), database.counter_url, str(database.keys_folder), moment, str(number)],
        env=dict(os.environ),
        check=False,
    )
    assert done.returncode == -9


@pytest.mark.parametrize("moment", ["taken", "handing", "arrived"])
def test_a_webhook_gets_each_message_by_its_key_across_a_restart(
    desk: Desk, supervisor: Actor, receiver: Receiver, database: TestDatabase, moment: str
) -> None:
    wish(desk, supervisor, "booking.confirmed", "sms")
    for number in range(1, 7):
        sold_with_contact(desk, number)
    killed(database, moment, 3)
    dispatch(desk)
    assert len(set(receiver.keys)) == 6
    assert len(receiver.keys) == (7 if moment == "arrived" else 6)
    assert notification_dispatch.standing(desk.office) == {"sent": 6}


@pytest.mark.parametrize(("moment", "arrived", "unknown"), [("taken", 6, 0), ("handing", 5, 1), ("arrived", 6, 1)])
def test_mail_is_never_sent_twice_across_a_restart(
    desk: Desk, supervisor: Actor, mailbox: Mailbox, database: TestDatabase, moment: str, arrived: int, unknown: int
) -> None:
    wish(desk, supervisor, "booking.confirmed", "email")
    for number in range(1, 7):
        sold_with_contact(desk, number)
    killed(database, moment, 3)
    done = dispatch(desk)
    assert done.unknown == unknown
    assert len(mailbox.keys) == len(set(mailbox.keys)) == arrived
    assert notification_dispatch.standing(desk.office).get("unknown", 0) == unknown
    assert len(job_failures.listed(desk.office, supervisor)) == unknown


def test_two_dispatchers_send_each_message_once(
    desk: Desk, supervisor: Actor, mailbox: Mailbox, receiver: Receiver
) -> None:
    for channel in ("email", "sms"):
        wish(desk, supervisor, "booking.confirmed", channel)
    for number in range(1, 9):
        sold_with_contact(desk, number)
    threads = [threading.Thread(target=dispatch, args=(desk,)) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    dispatch(desk)
    assert len(mailbox.keys) == len(set(mailbox.keys)) == 8
    assert len(receiver.keys) == len(set(receiver.keys)) == 8
    desk.require_sound()
