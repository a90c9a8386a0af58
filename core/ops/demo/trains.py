"""The trains of the reference railway: numbers, departures, classes, prices and what each train is made up of.

Names, lines, classes and the numbers 2, 6, 43 and 60 are the railway's own; further numbers, departures, prices and
the make-up (shorter than the real one) are demonstration data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from core.fares import Bucket
from core.ops.demo import coaches, lines
from core.ops.demo.coaches import CoachTemplate
from core.ops.demo.lines import Line


@dataclass(frozen=True, slots=True)
class ClassData:
    """A class of a train: ``base_price`` in rupiah for the whole line, and so many coaches of one kind."""

    class_type: str
    code: str
    name: str
    base_price: int
    coach: CoachTemplate
    coach_count: int
    buckets: tuple[Bucket, ...]
    label: str = "{code} {number}"

    @property
    def capacity(self) -> int:
        return len(self.coach.seats()) * self.coach_count

    def coach_label(self, number: int) -> str:
        """As painted beside the door of the class's coach of that number, from 1."""
        return self.label.format(code=self.code, number=number)


@dataclass(frozen=True, slots=True)
class Service:
    """Trains of one name: the line they run there and back, train number -> local departure for either direction."""

    name: str
    line: Line
    there: Mapping[str, str]
    back: Mapping[str, str]
    classes: tuple[ClassData, ...]
    is_subsidised: bool = False

    def directions(self) -> Iterator[tuple[Line, Mapping[str, str]]]:
        yield self.line, self.there
        yield self.line.reversed(), self.back


class CarData(NamedTuple):
    """One coach where it stands in its train."""

    car_number: int
    label: str
    train_class: ClassData
    is_first_of_class: bool


def make_up(classes: tuple[ClassData, ...]) -> list[CarData]:
    """The coaches of a train in order, counted through the whole train from 1."""
    order = [(train_class, number) for train_class in classes for number in range(1, train_class.coach_count + 1)]
    return [
        CarData(car, train_class.coach_label(number), train_class, number == 1)
        for car, (train_class, number) in enumerate(order, start=1)
    ]


_EXECUTIVE_FARES: Final = (Bucket("A", 1000, None), Bucket("H", 930, 60), Bucket("J", 865, 40))
_LUXURY_FARES: Final = (Bucket("AA", 1000, None), Bucket("I", 900, 6))
_ECONOMY_FARES: Final = (Bucket("CA", 1000, None), Bucket("C", 900, 50), Bucket("Q", 800, 30))
_SUBSIDISED_FARES: Final = (Bucket("C", 1000, None),)


def _executive(base_price: int, coach_count: int) -> ClassData:
    return ClassData("executive", "EKS", "Eksekutif", base_price, coaches.EXECUTIVE_50, coach_count, _EXECUTIVE_FARES)


def _luxury(base_price: int) -> ClassData:
    return ClassData("luxury", "LUX", "Luxury", base_price, coaches.LUXURY_26, 1, _LUXURY_FARES)


def _subsidised(base_price: int, coach_count: int) -> ClassData:
    return ClassData(
        "economy", "EKO", "Ekonomi", base_price, coaches.PUBLIC_SERVICE_106, coach_count, _SUBSIDISED_FARES
    )


_SLEEPER: Final = ClassData("sleeper", "SLP", "Luxury Sleeper", 1_600_000, coaches.SLEEPER_18, 1, _LUXURY_FARES)
_PANORAMIC: Final = ClassData("panoramic", "PAN", "Panoramic", 1_200_000, coaches.PANORAMIC_38, 1, _LUXURY_FARES)
_SUITES: Final = ClassData("suites", "SUI", "Suite Class Compartment", 1_950_000, coaches.SUITES_16, 1, _LUXURY_FARES)
_NEW_GENERATION: Final = ClassData(
    "economy", "EKO", "Ekonomi New Generation", 150_000, coaches.NEW_GENERATION_72, 2, _ECONOMY_FARES
)
_PREMIUM: Final = ClassData(
    "premium", "PRE", "Ekonomi Premium", 240_000, coaches.PREMIUM_80, 3, _ECONOMY_FARES, label="EKO PRE-{number}"
)

SERVICES: Final = (
    Service(
        "Argo Bromo Anggrek",
        lines.JAKARTA_SURABAYA_NORTH,
        there={"2": "08:20"},
        back={"1": "09:10"},
        classes=(_executive(700_000, 5), _luxury(1_350_000), _SLEEPER),
    ),
    Service(
        "Taksaka",
        lines.YOGYAKARTA_JAKARTA,
        there={"43": "07:30", "45": "19:15"},
        back={"44": "09:20", "46": "21:30"},
        classes=(_executive(520_000, 5), _luxury(980_000)),
    ),
    Service(
        "Argo Wilis",
        lines.BANDUNG_SURABAYA,
        there={"6": "07:40"},
        back={"5": "08:15"},
        classes=(_executive(680_000, 5), _PANORAMIC),
    ),
    Service(
        "Bima",
        lines.JAKARTA_SURABAYA_SOUTH,
        there={"60": "17:00"},
        back={"59": "18:55"},
        classes=(_executive(720_000, 4), _SUITES),
    ),
    Service(
        "Parahyangan",
        lines.JAKARTA_BANDUNG,
        there={
            "132": "06:30",
            "134": "07:50",
            "136": "09:20",
            "138": "10:45",
            "140": "12:20",
            "142": "13:50",
            "144": "15:25",
            "146": "16:55",
            "148": "18:30",
            "150": "20:05",
        },
        back={
            "131": "05:00",
            "133": "06:35",
            "135": "08:05",
            "137": "09:40",
            "139": "11:10",
            "141": "12:45",
            "143": "14:20",
            "145": "15:50",
            "147": "17:25",
            "149": "19:00",
        },
        classes=(_executive(200_000, 3), _NEW_GENERATION),
    ),
    Service(
        "Sancaka",
        lines.SURABAYA_YOGYAKARTA,
        there={"83": "07:00"},
        back={"84": "16:40"},
        classes=(_executive(320_000, 3), _PREMIUM),
    ),
    Service(
        "Matarmaja",
        lines.MALANG_JAKARTA,
        there={"281": "08:50"},
        back={"282": "10:15"},
        classes=(_subsidised(94_000, 4),),
        is_subsidised=True,
    ),
    Service(
        "Sri Tanjung",
        lines.YOGYAKARTA_KETAPANG,
        there={"286": "07:00"},
        back={"285": "06:30"},
        classes=(_subsidised(94_000, 4),),
        is_subsidised=True,
    ),
)
