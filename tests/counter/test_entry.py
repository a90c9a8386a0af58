"""The entry line: what clerks type, in any order, with mistakes, and what is said about it."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.identity import Identity
from counter.entry import Entry, Kind, PassengerDraft, Place, Problem, TimeOfDay, parse
from counter.entry_summary import Language, format_summary

TODAY = date(2026, 11, 20)  # a Friday
PLACES = [
    Place(*fields.split("|"))
    for fields in (
        "GMR|Gambir|Jakarta",
        "PSE|Pasar Senen|Jakarta",
        "JNG|Jatinegara|Jakarta",
        "BD|Bandung|Bandung",
        "CN|Cirebon|Cirebon",
        "SMC|Semarang Poncol|Semarang",
        "SMT|Semarang Tawang|Semarang",
        "SLO|Solo Balapan|Surakarta",
        "YK|Yogyakarta|Yogyakarta",
        "LPN|Lempuyangan|Yogyakarta",
        "MN|Madiun|Madiun",
        "SGU|Surabaya Gubeng|Surabaya",
        "SBI|Surabaya Pasarturi|Surabaya",
        "ML|Malang|Malang",
        "BWI|Banyuwangi Kota|Banyuwangi",
    )
]
CLASSES = {
    "eks": "EKS", "eksekutif": "EKS", "executive": "EKS",
    "eko": "EKO", "ekonomi": "EKO", "economy": "EKO",
    "pre": "PRE", "premium": "PRE", "ekonomi premium": "PRE",
    "lux": "LUX", "luxury": "LUX", "bis": "BIS", "bisnis": "BIS", "business": "BIS",
}  # fmt: skip
BUDI = "3171010101900001"
SITI = "3171014507920003"


def read(line: str, home: str | None = "YK", today: date = TODAY) -> Entry:
    return parse(line, places=PLACES, home=home, today=today, classes=CLASSES)


def journey(line: str, home: str | None = "YK") -> str:
    entry = read(line, home)
    return " ".join(place.code if place else "?" for place in (entry.origin, entry.destination))


def party(line: str) -> tuple[int, int, int, int]:
    entry = read(line)
    return entry.adults, entry.children, entry.infants, entry.seniors


def troubles(line: str) -> list[tuple[str, Kind, Problem | None, str]]:
    entry = read(line)
    return [
        (line[token.start : token.end], token.kind, token.problem, token.guess)
        for token in entry.tokens
        if not token.ok
    ]


def test_the_line_of_the_manual() -> None:
    entry = read("gmr yk 25 2a1i eks")
    assert entry.complete
    assert entry.origin == PLACES[0]
    assert entry.destination == PLACES[8]
    assert entry.day == date(2026, 11, 25)
    assert (entry.adults, entry.children, entry.infants, entry.seniors, entry.party) == (2, 0, 1, 0, 3)
    assert entry.class_code == "EKS"
    assert [(token.kind, token.meaning) for token in entry.tokens] == [
        (Kind.STATION, "GMR"),
        (Kind.STATION, "YK"),
        (Kind.DAY, "2026-11-25"),
        (Kind.PARTY, "2a1i"),
        (Kind.CLASS, "EKS"),
    ]


def test_what_is_not_said_has_the_counters_default() -> None:
    entry = read("gmr")
    assert entry.complete
    assert journey("gmr") == "YK GMR"
    assert (entry.day, entry.party, entry.adults) == (TODAY, 1, 1)
    assert (entry.class_code, entry.train_number, entry.time_of_day, entry.pay_method) == (None,) * 4
    assert entry.passengers == ()


@pytest.mark.parametrize("words", [*permutations(["gmr yk", "25", "2a1i", "eks", "pagi"])])
def test_the_order_is_free(words: tuple[str, ...]) -> None:
    entry, usual = read(" ".join(words)), read("gmr yk 25 2a1i eks pagi")
    assert entry.complete
    assert (entry.origin, entry.destination, entry.day) == (usual.origin, usual.destination, usual.day)
    assert (entry.party, entry.class_code, entry.time_of_day) == (3, "EKS", TimeOfDay.MORNING)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("bd gmr +1", "BD GMR"),
        ("25 gmr 2a1i yk eks", "GMR YK"),
        ("GMR", "YK GMR"),
        ("surabaya gubeng", "YK SGU"),
        ("Surabaya Gub", "YK SGU"),
        ("gubeng surabaya pasarturi", "SGU SBI"),
        ("malang", "YK ML"),
        ("mala", "YK ML"),
        ("yogya gmr", "YK GMR"),
        ("senen solo", "PSE SLO"),
        ("banyuwangi", "YK BWI"),
        ("surakarta", "YK SLO"),  # a city with one station
        ("bandung yogyakarta", "BD YK"),
        ("pasar s bd", "PSE BD"),
        ("gmr,bd", "GMR BD"),
        ("yk", "YK ?"),  # the beginning of a question: home is no destination
        ("yk gmr", "YK GMR"),
        ("surabaya", "YK ?"),
        ("", "YK ?"),
    ],
)
def test_stations_are_found_by_code_and_name(line: str, expected: str) -> None:
    assert journey(line) == expected
    assert read(line).complete == ("?" not in expected)


def test_without_a_home_two_stations_are_needed() -> None:
    assert journey("gmr", home=None) == "? GMR"
    assert not read("gmr", home=None).complete
    assert not read("gmr", home="XXX").complete
    assert read("gmr bd", home=None).complete


def test_a_name_shared_by_stations_names_all_of_them() -> None:
    (token,) = read("jakarta").tokens
    assert (token.problem, token.guess, token.candidates) == (Problem.AMBIGUOUS, "GMR", ("GMR", "PSE", "JNG"))
    (token,) = read("semar").tokens
    assert token.candidates == ("SMC", "SMT")


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("25", "2026-11-25"),
        ("20", "2026-11-20"),
        ("3", "2026-12-03"),
        ("25/11", "2026-11-25"),
        ("25/12/2026", "2026-12-25"),
        ("2026-11-25", "2026-11-25"),
        ("25nov", "2026-11-25"),
        ("25 nov", "2026-11-25"),
        ("25 desember 2026", "2026-12-25"),
        ("+1", "2026-11-21"),
        ("besok", "2026-11-21"),
        ("lusa", "2026-11-22"),
        ("today", "2026-11-20"),
        ("Tomorrow", "2026-11-21"),
        ("hari ini", "2026-11-20"),
        ("senin", "2026-11-23"),
        ("minggu", "2026-11-22"),
        ("mon", "2026-11-23"),
        ("sunday", "2026-11-22"),
    ],
)
def test_days_may_stand_anywhere(text: str, day: str) -> None:
    for line in (f"gmr {text} 2a", f"{text} gmr 2a", f"2a gmr {text}"):
        entry = read(line)
        assert entry.complete, line
        assert entry.day.isoformat() == day


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("2a1i", (2, 0, 1, 0)),
        ("2a 1i", (2, 0, 1, 0)),
        ("1i2a", (2, 0, 1, 0)),
        ("2A1I", (2, 0, 1, 0)),
        ("3p", (3, 0, 0, 0)),
        ("3x 1i", (3, 0, 1, 0)),
        ("1a2c1s1i", (1, 2, 1, 1)),
        ("1c", (0, 1, 0, 0)),
        ("1s", (0, 0, 0, 1)),
        ("2d1b", (2, 0, 1, 0)),
        ("2 dewasa 1 bayi", (2, 0, 1, 0)),
        ("2 adults 1 infant", (2, 0, 1, 0)),
        ("1i", (1, 0, 1, 0)),  # an infant does not travel alone
        ("3", (1, 0, 0, 0)),  # a bare number is a day
    ],
)
def test_parties(line: str, expected: tuple[int, int, int, int]) -> None:
    assert party(f"gmr {line} eks") == expected
    assert read(f"gmr {line} eks").complete


@pytest.mark.parametrize(
    ("line", "code"),
    [("eks", "EKS"), ("EKO", "EKO"), ("economy", "EKO"), ("ekonomi premium", "PRE"), ("ekse", "EKS"), ("busi", "BIS")],
)
def test_classes_by_word_or_beginning(line: str, code: str) -> None:
    assert read(f"gmr {line} 25").class_code == code
    assert read(f"gmr {line} 25").complete


@pytest.mark.parametrize("text", ["ka43", "KA43", "#43", "ka 43", "KA 43"])
def test_train_numbers(text: str) -> None:
    assert read(f"gmr {text} 25").train_number == "43"
    assert read(f"gmr {text}a").train_number == "43A"


@pytest.mark.parametrize(
    ("text", "time"),
    [("pagi", "morning"), ("siang", "midday"), ("sore", "afternoon"), ("malam", "evening"), ("Night", "evening")],
)
def test_times_of_day(text: str, time: str) -> None:
    entry = read(f"gmr besok {text}")
    assert entry.complete
    assert entry.time_of_day == TimeOfDay(time)


def test_the_times_of_day_make_a_whole_day() -> None:
    hours = [hour % 24 for time in TimeOfDay for hour in range(*time.hours)]
    assert sorted(hours) == list(range(24))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gmr 31/2", ("31/2", Kind.DAY, Problem.IMPOSSIBLE, "")),
        ("gmr 0", ("0", Kind.DAY, Problem.IMPOSSIBLE, "ka0")),
        ("gmr 43", ("43", Kind.DAY, Problem.IMPOSSIBLE, "ka43")),
        ("gmr 143", ("143", Kind.UNKNOWN, Problem.UNKNOWN, "ka143")),
        ("gmr 25 26", ("26", Kind.DAY, Problem.REPEATED, "")),
        ("gmr yk cn", ("cn", Kind.STATION, Problem.REPEATED, "")),
        ("gmr gmr", ("gmr", Kind.STATION, Problem.REPEATED, "")),
        ("gmr eks eko", ("eko", Kind.CLASS, Problem.REPEATED, "")),
        ("gmr 2a 1a", ("1a", Kind.PARTY, Problem.REPEATED, "")),
        ("gmr 2a1a", ("2a1a", Kind.PARTY, Problem.REPEATED, "")),
        ("gmr 0a", ("0a", Kind.PARTY, Problem.IMPOSSIBLE, "")),
        ("gmr eksx", ("eksx", Kind.UNKNOWN, Problem.UNKNOWN, "eks")),
        ("gmr tomorow", ("tomorow", Kind.UNKNOWN, Problem.UNKNOWN, "tomorrow")),
        ("gambr 25", ("gambr", Kind.UNKNOWN, Problem.UNKNOWN, "GMR")),
        ("yokyakarta gmr", ("yokyakarta", Kind.UNKNOWN, Problem.UNKNOWN, "YK")),
        ("gmr 317101010190000", ("317101010190000", Kind.IDENTITY, Problem.IMPOSSIBLE, "")),  # a digit is missing
        ("gmr A1234567", ("A1234567", Kind.UNKNOWN, Problem.UNKNOWN, "")),  # whose passport?
        ("gmr 25, nov", ("nov", Kind.UNKNOWN, Problem.UNKNOWN, "")),  # a comma ends what it follows
        ("gmr qqqqq", ("qqqqq", Kind.UNKNOWN, Problem.UNKNOWN, "")),
    ],
)
def test_what_does_not_fit_is_marked_and_guessed_at(line: str, expected: tuple[str, Kind, Problem, str]) -> None:
    assert troubles(line) == [expected]
    assert not read(line).complete


def test_a_mistake_leaves_the_rest_understood() -> None:
    entry = read("gmr 31/2 2a1i eks")
    assert (entry.destination, entry.infants, entry.class_code, entry.day) == (PLACES[0], 1, "EKS", TODAY)


def test_an_operators_station_code_beats_a_word() -> None:
    sun = Place("SUN", "Sunter", "Jakarta")
    entry = parse("sun", places=[*PLACES, sun], home="YK", today=TODAY, classes=CLASSES)
    assert entry.destination == sun


def test_an_expert_sells_in_one_line() -> None:
    line = f"gmr 25 eks Budi Santoso {BUDI} cash"
    entry = read(line)
    assert entry.complete
    assert entry.passengers == (PassengerDraft("BUDI SANTOSO", Identity("nik", BUDI)),)
    assert entry.pay_method == "cash"
    assert [line[token.start : token.end] for token in entry.tokens if token.kind is Kind.NAME] == ["Budi Santoso"]


@pytest.mark.parametrize(
    "line",
    [
        f"gmr 25 eks Budi Santoso {BUDI} Siti Aminah {SITI} tunai",
        f"gmr 25 eks budi santoso {BUDI} siti aminah {SITI} tunai",
        f"GMR 25 EKS BUDI SANTOSO {BUDI} SITI AMINAH {SITI} TUNAI",
        f"gmr, 25, eks, budi santoso {BUDI}, siti aminah {SITI}, tunai",
        f"gmr 25 eks, budi santoso, {BUDI}, siti aminah, {SITI} tunai",
        f"Budi Santoso {BUDI} gmr 25 Siti Aminah {SITI} eks tunai",
        f"gmr 25 eks budi santoso 317101-010190-0001 siti aminah {SITI} tunai",
    ],
)
def test_several_passengers_however_they_are_separated(line: str) -> None:
    entry = read(line)
    assert [draft.name for draft in entry.passengers] == ["BUDI SANTOSO", "SITI AMINAH"]
    assert [draft.identity.number for draft in entry.passengers] == [BUDI, SITI]
    assert entry.adults == 2
    assert entry.complete


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (f"gmr 25 Eko Malang {BUDI}", "EKO MALANG"),  # a class and a town are names, too
        (f"gmr 25, eko malang {BUDI}", "EKO MALANG"),
        (f"gmr 25 eks eko {BUDI}", "EKO"),  # the class is known already
        (f"gmr yk 25 malang {BUDI}", "MALANG"),  # both stations are
        ("gmr 25 Ahmad bin Yusuf A1234567", "AHMAD BIN YUSUF"),
        ("gmr 25 ludwig van b. c01x00t47", "LUDWIG VAN B."),
        (f"gmr 25 Mei Ling {BUDI}", "MEI LING"),  # and so are months
        (f"gmr yk, 25 eks budi {BUDI}", "BUDI"),  # a comma before a figure opens no name
        (f"gmr 25 M. Yusuf {BUDI}", "M. YUSUF"),
        (f"gmr 25 Yusuf M. {BUDI}", "YUSUF M."),
        (f"GMR 25 YUSUF M. NUR'AINI {BUDI}", "YUSUF M. NUR'AINI"),
        (f"GMR 25 YUSUF M. {BUDI}", "YUSUF M."),
        (f"gmr 25 KA43 Budi {BUDI}", "BUDI"),
        (f"gmr 25 O'Brien {BUDI}", "O'BRIEN"),
        ("gmr 25 John Smith 925665416 cash", "JOHN SMITH"),  # a passport without letters
    ],
)
def test_what_belongs_to_a_name(line: str, name: str) -> None:
    entry = read(line)
    assert [draft.name for draft in entry.passengers] == [name]
    assert journey(line) in ("YK GMR", "GMR YK")
    assert entry.complete


def test_a_mistyped_word_elsewhere_is_not_part_of_a_name() -> None:
    assert [text for text, *_ in troubles(f"gmrr 25 eks Budi {BUDI}")] == ["gmrr"]
    assert [text for text, *_ in troubles(f"gmr 25 ekq Budi {BUDI}")] == ["ekq"]


def test_capitals_throughout_tell_nothing_about_names() -> None:
    entry = read(f"Gmr Bd Budi {BUDI}")
    assert journey(f"Gmr Bd Budi {BUDI}") == "GMR BD"
    assert [draft.name for draft in entry.passengers] == ["BUDI"]


def test_words_without_a_number_behind_them_are_no_name() -> None:
    entry = read("gmr 25 Budi Santoso")
    assert entry.passengers == ()
    assert not entry.complete


def test_a_number_alone_is_a_passenger_yet_to_be_named() -> None:
    entry = read(f"gmr {BUDI}")
    assert entry.passengers == (PassengerDraft("", Identity("nik", BUDI)),)
    assert entry.complete


def test_a_name_that_cannot_be_printed_is_marked() -> None:
    ((text, kind, problem, _),) = troubles(f"gmr 25 Budi\u202e {BUDI}")
    assert (text, kind, problem) == ("Budi\u202e", Kind.NAME, Problem.IMPOSSIBLE)


@pytest.mark.parametrize(
    ("word", "method"),
    [("cash", "cash"), ("tunai", "cash"), ("qris", "qris"), ("debit", "debit_card"), ("kredit", "credit_card")],
)
def test_ways_to_pay(word: str, method: str) -> None:
    assert read(f"gmr 25 {word}").pay_method == method


WORDS = (
    f"gmr yk surabaya gubeng pasar 25 31/2 nov hari ini 2a1i 2 dewasa eks ka 43 Budi eko , ,, {BUDI} A1234567 cash +1 "
    "besok qq 12345678901"
).split()


def only_separates(text: str) -> bool:
    return all(character.isspace() or character in ",;" for character in text)


@given(
    line=st.text(max_size=5_000)
    | st.lists(st.sampled_from(WORDS) | st.text(max_size=5), max_size=70).map(" ".join)
    | st.text("0123456789aipx+/#-., kgmr", max_size=80),
    home=st.sampled_from([None, "YK", "", "?"]),
    today=st.dates(),
)
def test_every_text_is_read_and_its_tokens_cover_it_in_order(line: str, home: str | None, today: date) -> None:
    entry = read(line, home, today)
    position = 0
    for token in entry.tokens:
        assert only_separates(line[position : token.start])
        assert token.start < token.end <= len(line)
        position = token.end
    assert only_separates(line[position:])
    assert entry.party >= 1 or not entry.complete or "0a" in line
    assert format_summary(entry, "en")


@pytest.mark.parametrize(
    "piece", ["a", "1a ", "x y ", ", ", "12345678 ", f"Budi {BUDI} ", "surabaya ", "2 ", "😀", "\ud800", "\x00"]
)
def test_a_pasted_flood_is_read_no_further_than_anyone_types(piece: str) -> None:
    entry = read((piece * 5_000)[:5_000])
    assert len(entry.tokens) <= 50


@given(days=st.integers(0, 27), today=st.dates(date(2000, 1, 1), date(2100, 1, 1)))
def test_the_same_days_as_on_the_command_line(days: int, today: date) -> None:
    day = today + timedelta(days=days)
    for text in (str(day.day), day.isoformat(), f"+{days}", f"{day.day}/{day.month}"):
        assert read(f"gmr {text}", today=today).day == day


@pytest.mark.parametrize(
    ("line", "language", "expected"),
    [
        ("yk gmr 25 2a1i eks", "en", "YK Yogyakarta → GMR Gambir · Wed 25 Nov 2026 · 2 adults, 1 infant · executive"),
        ("yk gmr 25 2a1i eks", "id", "YK Yogyakarta → GMR Gambir · Rab 25 Nov 2026 · 2 dewasa, 1 bayi · executive"),
        ("besok malam 1c", "id", "YK Yogyakarta → ? · Sab 21 Nov 2026 malam · 1 anak"),
        ("gmr ka43 lux 2s", "en", "YK Yogyakarta → GMR Gambir · Fri 20 Nov 2026 · 2 seniors · LUX · KA 43"),
        (
            f"gmr Budi Santoso {BUDI} {SITI} debit",
            "en",
            "YK Yogyakarta → GMR Gambir · Fri 20 Nov 2026 · 2 adults · BUDI SANTOSO …0001, …0003 · debit card",
        ),
    ],
)
def test_the_line_under_the_field(line: str, language: Language, expected: str) -> None:
    assert format_summary(read(line), language, {"EKS": "executive"}) == expected
