"""The reference railway contradicts itself nowhere: coaches, lines, trains, prices."""

from collections import Counter
from itertools import pairwise

import pytest

from core.models.network import CLASS_TYPES
from core.ops.demo import coaches
from core.ops.demo.coaches import CoachTemplate
from core.ops.demo.lines import Line, line, minutes
from core.ops.demo.stations import STATIONS
from core.ops.demo.trains import SERVICES, Service, make_up
from core.seating import MAX_LEGS

TEMPLATES = {
    (50, "2-2"): coaches.EXECUTIVE_50,
    (72, "2-2"): coaches.NEW_GENERATION_72,
    (80, "2-2"): coaches.PREMIUM_80,
    (106, "3-2"): coaches.PUBLIC_SERVICE_106,
    (26, "1-2"): coaches.LUXURY_26,
    (18, "1-1"): coaches.SLEEPER_18,
    (38, "2-2"): coaches.PANORAMIC_38,
    (16, "1-1"): coaches.SUITES_16,
}
LINES = [(service, direction) for service in SERVICES for direction, _ in service.directions()]
by_name = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)
every_line = pytest.mark.parametrize(
    ("service", "direction"), LINES, ids=[f"{service.name} from {way.stops[0].station}" for service, way in LINES]
)


@pytest.mark.parametrize(("expected", "template"), TEMPLATES.items(), ids=lambda value: str(value)[:12])
def test_coach_has_the_seats_of_its_kind(expected: tuple[int, str], template: CoachTemplate) -> None:
    seats = template.seats()
    assert (len(seats), template.layout) == expected
    assert len({seat.number for seat in seats}) == len(seats)
    assert template.accessible <= {seat.number for seat in seats}
    assert 1 <= sum(seat.is_accessible for seat in seats) == len(template.accessible)
    assert [seat.row for seat in seats] == sorted(seat.row for seat in seats)
    assert len(seats) <= 255


def test_real_coaches_are_not_rows_times_columns() -> None:
    per_row = Counter(seat.row for seat in coaches.PUBLIC_SERVICE_106.seats())
    assert set(per_row.values()) == {3, 5}
    assert max(seat.row for seat in coaches.NEW_GENERATION_72.seats()) == 19


@pytest.mark.parametrize(
    ("template", "row", "expected"),
    [
        (coaches.EXECUTIVE_50, 1, [("A", 1, "window"), ("B", 2, "aisle"), ("C", 4, "aisle"), ("D", 5, "window")]),
        (coaches.EXECUTIVE_50, 13, [("A", 1, "window"), ("B", 2, "aisle"), ("C", 4, "aisle")]),
        (coaches.NEW_GENERATION_72, 1, [("C", 4, "aisle"), ("D", 5, "window")]),
        (
            coaches.PUBLIC_SERVICE_106,
            2,
            [("A", 1, "window"), ("B", 2, "middle"), ("C", 3, "aisle"), ("D", 5, "aisle"), ("E", 6, "window")],
        ),
        (coaches.LUXURY_26, 3, [("A", 1, "window"), ("B", 3, "aisle"), ("C", 4, "window")]),
        (coaches.SLEEPER_18, 9, [("A", 1, "window"), ("B", 3, "window")]),
    ],
)
def test_places_across_leave_room_for_the_aisle(
    template: CoachTemplate, row: int, expected: list[tuple[str, int, str]]
) -> None:
    assert [(seat.letter, seat.place, seat.seat_type) for seat in template.seats() if seat.row == row] == expected


def test_stations_are_distinct_and_on_java() -> None:
    assert len(STATIONS) == 31
    assert len({station.code for station in STATIONS}) == 31
    assert len({station.name for station in STATIONS}) == 31
    assert all(-9 < float(station.latitude) < -5 and 105 < float(station.longitude) < 115 for station in STATIONS)


def test_timetable_notation() -> None:
    read = line(100, "GMR 23:00, CN 23:57/24:00, SBI 25:00")
    assert [tuple(stop) for stop in read.stops] == [("GMR", 0, 0, 0), ("CN", 57, 60, 48), ("SBI", 120, 120, 100)]
    assert [tuple(stop) for stop in read.reversed().stops] == [
        ("SBI", 0, 0, 0),
        ("CN", 60, 63, 52),
        ("GMR", 120, 120, 100),
    ]


@every_line
def test_trains_move_forward_in_time_and_space(service: Service, direction: Line) -> None:
    assert all(
        before.departure < after.arrival <= after.departure and before.km < after.km
        for before, after in pairwise(direction.stops)
    )
    first, last = direction.stops[0], direction.stops[-1]
    assert (first.arrival, first.departure, first.km) == (0, 0, 0)
    assert last.arrival == last.departure
    assert 1 <= len(direction.stops) - 1 <= MAX_LEGS
    codes = [stop.station for stop in direction.stops]
    assert len(set(codes)) == len(codes)
    assert set(codes) <= {station.code for station in STATIONS}


@every_line
def test_running_speeds_are_a_railways(service: Service, direction: Line) -> None:
    speeds = [60 * (b.km - a.km) / (b.arrival - a.departure) for a, b in pairwise(direction.stops)]
    assert all(40 <= speed <= 130 for speed in speeds)


@by_name
def test_way_back_is_the_same_line(service: Service) -> None:
    (there, runs_there), (back, runs_back) = service.directions()
    assert [stop.station for stop in back.stops] == [stop.station for stop in there.stops][::-1]
    assert (back.km, back.minutes) == (there.km, there.minutes)
    assert back.reversed() == there
    assert len(runs_there) == len(runs_back) > 0


@pytest.mark.parametrize(
    ("name", "km", "there", "number", "leaves", "arrives"),
    [
        ("Argo Bromo Anggrek", 720, "GMR SBI", "2", "08:20", "16:05"),
        ("Taksaka", 512, "YK GMR", "43", "07:30", "13:45"),
        ("Argo Wilis", 696, "BD SGU", "6", "07:40", "17:30"),
        ("Bima", 820, "GMR SGU", "60", "17:00", "27:30"),
        ("Parahyangan", 166, "GMR BD", "132", "06:30", "09:30"),
        ("Sancaka", 310, "SGU YK", "83", "07:00", "11:05"),
        ("Matarmaja", 906, "ML PSE", "281", "08:50", "24:19"),
        ("Sri Tanjung", 613, "LPN KTG", "286", "07:00", "20:40"),
    ],
)
def test_published_end_times_and_lengths(
    name: str, km: int, there: str, number: str, leaves: str, arrives: str
) -> None:
    (service,) = [service for service in SERVICES if service.name == name]
    stops = service.line.stops
    assert (service.line.km, f"{stops[0].station} {stops[-1].station}") == (km, there)
    assert service.there[number] == leaves
    assert minutes(leaves) + service.line.minutes == minutes(arrives)


def test_train_numbers_are_distinct_and_parahyangan_runs_ten_times() -> None:
    numbers = [number for service in SERVICES for _, runs in service.directions() for number in runs]
    assert len(set(numbers)) == len(numbers) == 36
    assert [len(service.there) for service in SERVICES if service.name == "Parahyangan"] == [10]


def test_some_trains_pass_midnight() -> None:
    late = {
        service.name
        for service in SERVICES
        for direction, runs in service.directions()
        for departure in runs.values()
        if minutes(departure) + direction.minutes > 24 * 60
    }
    assert {"Bima", "Matarmaja"} <= late


@by_name
def test_make_up(service: Service) -> None:
    cars = make_up(service.classes)
    assert [car.car_number for car in cars] == list(range(1, len(cars) + 1))
    assert len(cars) <= 63
    assert len({car.label for car in cars}) == len(cars)
    assert sum(car.is_first_of_class for car in cars) == len(service.classes)
    seats = sum(len(car.train_class.coach.seats()) for car in cars)
    assert seats == sum(train_class.capacity for train_class in service.classes)
    assert 200 <= seats <= 430


def test_coach_labels_are_painted_as_the_railway_does() -> None:
    labels = {service.name: [car.label for car in make_up(service.classes)] for service in SERVICES}
    assert labels["Taksaka"] == ["EKS 1", "EKS 2", "EKS 3", "EKS 4", "EKS 5", "LUX 1"]
    assert labels["Sancaka"][-3:] == ["EKO PRE-1", "EKO PRE-2", "EKO PRE-3"]


@by_name
def test_prices_and_buckets(service: Service) -> None:
    assert len({train_class.code for train_class in service.classes}) == len(service.classes)
    for train_class in service.classes:
        assert train_class.class_type in CLASS_TYPES
        assert train_class.base_price % 1000 == 0
        assert train_class.base_price > 0
        dearest, *cheaper = sorted(train_class.buckets, key=lambda bucket: -bucket.price_permille)
        assert (dearest.price_permille, dearest.quota) == (1000, None)
        assert all(bucket.price_permille < 1000 and bucket.quota for bucket in cheaper)
        assert sum(bucket.quota or 0 for bucket in cheaper) < train_class.capacity
        assert len({bucket.subclass for bucket in train_class.buckets}) == len(train_class.buckets)


def test_subsidised_trains_have_one_fare() -> None:
    subsidised = [service for service in SERVICES if service.is_subsidised]
    assert [service.name for service in subsidised] == ["Matarmaja", "Sri Tanjung"]
    assert all(
        [bucket.subclass for bucket in train_class.buckets] == ["C"]
        for service in subsidised
        for train_class in service.classes
    )
