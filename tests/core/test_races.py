"""The rush: many counters sell the last seats of one train at the same moment, and some of them are killed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import combinations, count
from threading import Barrier, Thread
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, text

from core import booking, sale, shifts, terminals
from core.booking import HoldRequest
from core.errors import NotEnoughSeats, SeatTaken
from core.passengers import PassengerInput
from core.payments import Tender
from core.search import offers

if TYPE_CHECKING:
    from tests.core.conftest import Desk, Seller

#: 281 Matarmaja: 424 seats of one class in four coaches, and subsidised, so that identities are checked as well.
STOPS = ("ML", "MN", "SMC", "TG", "PSE")
SEATS = 300
LEGS = len(STOPS) - 1

_numbers = count(1)


class Rush:
    """The last 300 seats of a train, and what must be true of them whatever happened."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        trip = offers(desk.office, "ML", "PSE", desk.day, train_number="281")[0].journey
        self.schedule_id = trip.schedule_id
        desk.owner(
            "DELETE FROM seat_inventory WHERE schedule_id = :id AND seat_id NOT IN"
            " (SELECT seat_id FROM seat_inventory WHERE schedule_id = :id ORDER BY seat_id DESC LIMIT :seats)",
            id=self.schedule_id,
            seats=SEATS,
        )

    def wish(self, chance: random.Random) -> tuple[HoldRequest, list[PassengerInput]]:
        """A party of one to four on a random stretch, all with identities of their own."""
        start, end = sorted(chance.sample(range(LEGS + 1), 2))
        party = chance.randint(1, 4)
        people = [PassengerInput("Orang", f"P{next(_numbers):07}") for _ in range(party)]
        return HoldRequest(self.schedule_id, "EKO", STOPS[start], STOPS[end], party), people

    def taken(self) -> dict[int, int]:
        """Seat to legs, summed up from the tickets alone; a leg sold twice is an error."""
        taken: dict[int, int] = {}
        rows = self.desk.owner(
            "SELECT seat_id, from_stop, to_stop FROM tickets WHERE schedule_id = :id", id=self.schedule_id
        )
        for row in rows:
            legs = (1 << row.to_stop) - (1 << row.from_stop)
            assert not taken.get(row.seat_id, 0) & legs, f"seat {row.seat_id} was sold twice"
            taken[row.seat_id] = taken.get(row.seat_id, 0) | legs
        return taken

    def free(self, origin: str, destination: str) -> int:
        legs = (1 << STOPS.index(destination)) - (1 << STOPS.index(origin))
        return SEATS - sum(1 for bits in self.taken().values() if bits & legs)

    def require_refusals_were_right(self, refusals: Iterable[HoldRequest]) -> None:
        """Nothing was given back meanwhile, so whoever was refused must find too few seats now as well."""
        for request in refusals:
            assert self.free(request.origin, request.destination) < request.seats, request

    def sell_the_rest(self) -> None:
        """One seat on one leg at a time until every leg of every seat is sold: nothing was lost."""
        desk = self.desk
        for start, end in combinations(STOPS, 2):
            while (party := min(4, self.free(start, end))) > 0:
                people = [PassengerInput("Sisa", f"R{next(_numbers):07}") for _ in range(party)]
                request = HoldRequest(self.schedule_id, "EKO", start, end, party)
                sale.sell(desk.office, desk.clerk, request, people, Tender("cash"), key=uuid4())
            with pytest.raises(NotEnoughSeats):
                booking.hold(desk.office, desk.clerk, HoldRequest(self.schedule_id, "EKO", start, end, 1))
        assert list(self.taken().values()) == [(1 << LEGS) - 1] * SEATS


@pytest.fixture
def rush(desk: Desk) -> Rush:
    return Rush(desk)


def test_sixteen_threads(rush: Rush, open_office: Callable[..., Any]) -> None:
    desk, barrier = rush.desk, Barrier(16)
    office = open_office(pool_size=16)

    def sell(number: int) -> list[tuple[HoldRequest, int]]:
        chance = random.Random(number)
        here = terminals.register(office, f"RUSH-{number}", station="YK")
        actor = replace(desk.clerk, terminal_id=here.id)
        shifts.open_for_scripts(office, actor)
        refusals = []
        barrier.wait()
        while len(refusals) < 3:
            request, people = rush.wish(chance)
            try:
                sold = sale.sell(office, actor, request, people, Tender("cash"), key=uuid4())
            except NotEnoughSeats as error:
                refusals.append((request, error.details["free"]))
            else:
                assert len({ticket.seat for ticket in sold.tickets}) == request.seats
        return refusals

    with ThreadPoolExecutor(16) as pool:
        refusals = [request for refused in pool.map(sell, range(16)) for request in refused]
    assert len(refusals) == 48
    assert all(free < request.seats for request, free in refusals)
    rush.require_refusals_were_right(request for request, _ in refusals)
    desk.require_sound()
    rush.sell_the_rest()
    desk.require_sound()


def orders(rush: Rush, chance: random.Random, number: int, **extra: object) -> list[dict[str, Any]]:
    """So many sales as a process reads them."""
    made = []
    for _ in range(number):
        request, people = rush.wish(chance)
        wish = {
            name: getattr(request, name) for name in ("schedule_id", "class_code", "origin", "destination", "seats")
        }
        people_too = [(one.name, one.identity) for one in people]
        made.append({"key": str(uuid4()), "request": wish, "people": people_too, **extra})
    return made


def start_together(work: dict[Seller, list[dict[str, Any]]]) -> list[Thread]:
    """Feed every process from a thread of its own: none waits for another's full pipe."""

    def feed(seller: Seller, tasks: list[dict[str, Any]]) -> None:
        try:
            for task in tasks:
                seller.order(task)
        except BrokenPipeError:
            return  # it was killed

    threads = [Thread(target=feed, args=item) for item in work.items()]
    for thread in threads:
        thread.start()
    return threads


def test_eight_processes(rush: Rush, sellers: Callable[[int], list[Seller]]) -> None:
    desk, chance = rush.desk, random.Random(8)
    work = {seller: orders(rush, chance, 45) for seller in sellers(8)}
    for thread in start_together(work):
        thread.join()
    answers = [answer for seller in work for answer in seller.finish()]
    assert len(answers) == 8 * 45
    refusals = [answer for answer in answers if "refused" in answer]
    assert {answer["refused"]["code"] for answer in refusals} == {"not_enough_seats"}
    assert all(answer["refused"]["free"] < answer["request"]["seats"] for answer in refusals)
    told = [(ticket["coach"], ticket["seat"], answer["key"]) for answer in answers if "sold" in answer
            for ticket in answer["sold"]["tickets"]]  # fmt: skip
    assert len(told) == desk.count("tickets")
    rush.require_refusals_were_right(HoldRequest(**answer["request"]) for answer in refusals)
    desk.require_sound()
    rush.sell_the_rest()


def test_half_of_eight_processes_are_killed(rush: Rush, sellers: Callable[[int], list[Seller]]) -> None:
    """Two in the middle of anything, two between holding and paying; then the seats come back and are sold."""
    desk, chance = rush.desk, random.Random(9)
    all_of_them = sellers(8)
    work = {seller: orders(rush, chance, 30) for seller in all_of_them}
    for victim in all_of_them[:2]:
        doomed = work[victim][10]
        doomed |= {"people": doomed["people"][:1], "die": "held"}
        doomed["request"] |= {"origin": "ML", "destination": "MN", "seats": 1}  # never sold out this early
    threads = start_together(work)
    for victim in all_of_them[2:4]:
        for _ in range(10):
            assert victim.answer()
        victim.kill()
    for thread in threads:
        thread.join()
    told = [answer for seller in all_of_them[4:] for answer in seller.finish()]
    assert len(told) == 4 * 30
    assert {answer["refused"]["code"] for answer in told if "refused" in answer} <= {"not_enough_seats"}
    for victim in all_of_them[:2]:
        assert len(victim.finish()) == 10
        assert victim.process.returncode == -9
    desk.require_sound()
    left = desk.value("SELECT count(*) FROM bookings WHERE status = 'pending'")
    assert 2 <= left <= 4
    require_whole_or_nothing(desk)

    keys = {task["key"]: task for tasks in work.values() for task in tasks}
    unfinished = [work[victim][10]["key"] for victim in all_of_them[:2]]
    again = finish(rush, keys[unfinished[0]])
    assert again.status == "confirmed"

    desk.expire()
    free = rush.free("ML", "PSE")
    assert offers(desk.office, "ML", "PSE", desk.day, train_number="281")[0].available == free
    assert desk.value("SELECT count(*) FROM bookings WHERE status = 'pending'") == 0
    assert desk.count("seat_holds") == 0
    rush.sell_the_rest()
    desk.require_sound()


def finish(rush: Rush, task: dict[str, Any]) -> Any:
    """Ask for a killed sale again, with its key and its arguments."""
    people = [PassengerInput(name, identity) for name, identity in task["people"]]
    request = HoldRequest(**task["request"])
    return sale.sell(rush.desk.office, rush.desk.clerk, request, people, Tender("cash"), key=UUID(task["key"]))


def require_whole_or_nothing(desk: Desk) -> None:
    """A booking is pending with nothing but its hold, or confirmed with everything it needs."""
    rows = desk.owner(
        "SELECT b.status, b.passenger_count AS people,"
        " (SELECT count(*) FROM tickets t WHERE t.booking_id = b.id) AS tickets,"
        " (SELECT count(*) FROM passengers p WHERE p.booking_id = b.id) AS passengers,"
        " (SELECT count(*) FROM payments y WHERE y.booking_id = b.id) AS payments,"
        " (SELECT count(*) FROM seat_holds h WHERE h.booking_id = b.id) AS holds FROM bookings b"
    )
    for row in rows:
        counts = (row.tickets, row.passengers, row.payments, row.holds)
        assert counts == ((0, 0, 0, 1) if row.status == "pending" else (row.people, row.people, 1, 0)), row


def test_killed_while_the_sale_is_being_written(
    rush: Rush,
    sellers: Callable[[int], list[Seller]],
    owner_session: Connection,
    until_blocked: Callable[[Any], None],
) -> None:
    """The payment's table is locked, so the process hangs with tickets written and nothing committed."""
    desk = rush.desk
    (victim,) = sellers(1)
    (task,) = orders(rush, random.Random(1), 1)
    owner_session.execute(text("LOCK TABLE payments IN ACCESS EXCLUSIVE MODE"))
    victim.order(task)
    waiting = Thread(target=victim.process.wait)
    waiting.start()
    until_blocked(waiting)
    victim.kill()
    owner_session.rollback()
    done = finish(rush, task)
    assert done.status == "confirmed"
    require_whole_or_nothing(desk)
    assert (desk.count("bookings"), desk.count("payments")) == (1, 1)
    desk.require_sound()


def test_everybody_wants_the_same_named_seat(desk: Desk) -> None:
    request, barrier = desk.request(1, labels=("EKS 1/10C",)), Barrier(12)

    def hold(_number: int) -> bool:
        barrier.wait()
        try:
            return bool(booking.hold(desk.office, desk.clerk, request))
        except SeatTaken:
            return False

    with ThreadPoolExecutor(12) as pool:
        assert sorted(pool.map(hold, range(12))) == [False] * 11 + [True]
    desk.require_sound()


def test_many_search_and_hold_while_holds_expire(desk: Desk) -> None:
    """Everybody finds the same expired holds and gives them back: each seat once, and all are sold again."""
    for _ in range(6):
        desk.hold(4, class_code="LUX")
    desk.hold(2, class_code="LUX")
    desk.expire()
    request, barrier = desk.request(2, class_code="LUX"), Barrier(13)

    def hold(_number: int) -> int:
        barrier.wait()
        return len(booking.hold(desk.office, desk.clerk, request).seats)

    with ThreadPoolExecutor(13) as pool:
        assert list(pool.map(hold, range(13))) == [2] * 13
    assert desk.taken() == 26
    assert desk.value("SELECT count(*) FROM domain_events WHERE event_type = 'booking.expired'") == 7
    desk.require_sound()
