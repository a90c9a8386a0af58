"""What the gate's answers are called, why, and what to do next: from the library's answer to a face for the board.

What belongs here: words. Every outcome has some, none is left to chance; the longest word fits 80 columns in block
letters.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from core.checkin import Answer, Gate, Outcome
from core.timetable import Journey
from counter.i18n import _, clock_time, day_in_words
from counter.widgets.answer_board import Face


class _Words(NamedTuple):
    """``reason`` is asked only where the sentence depends on the ticket."""

    word: str
    reason: str | Callable[[Answer, Gate], str]
    advice: str


def _used(answer: Answer, _gate: Gate) -> str:
    used = answer.first_used
    if used is None:
        return _("It has been used before.")
    return _("Used at {time} on {day} in {station}.", time=clock_time(used.at), day=_day(used.at), station=used.where)


def _not_yet(answer: Answer, _gate: Gate) -> str:
    opens = answer.boarding_opens_at
    if opens is None:
        return _("Boarding has not begun.")
    return _("Boarding opens at {time} on {day}.", time=clock_time(opens), day=_day(opens))


def _departed(answer: Answer, _gate: Gate) -> str:
    trip = answer.journey
    if trip is None:
        return _("The train has left.")
    return _("{train} left at {time}.", train=_train(trip), time=clock_time(trip.departs_at))


def _wrong_train(answer: Answer, gate: Gate) -> str:
    trip = answer.journey
    if trip is None or gate.train_number is None:
        return _("The ticket is for another train.")
    return _("The ticket is for {train}, not for {boarding}.", train=_train(trip), boarding=gate.train_number)


def _wrong_station(answer: Answer, _gate: Gate) -> str:
    trip = answer.journey
    if trip is None:
        return _("The ticket begins at another station.")
    return _("The ticket begins at {station}.", station=f"{trip.origin.code} {trip.origin.name}")


def _wrong_direction(answer: Answer, gate: Gate) -> str:
    trip = answer.journey
    if trip is None:
        return _("The train here goes the other way.")
    if trip.destination.code == gate.station.upper():
        return _("The ticket ends here; it begins at {station}.", station=f"{trip.origin.code} {trip.origin.name}")
    return _("The train here comes from {station}.", station=f"{trip.destination.code} {trip.destination.name}")


def _wrong_date(answer: Answer, _gate: Gate) -> str:
    trip = answer.journey
    return _("The ticket is for {day}.", day=day_in_words(trip.day, year=True)) if trip else _("It is for another day.")


def _entitlement(answer: Answer, _gate: Gate) -> str:
    lapsed = answer.entitlement
    if lapsed is None:
        return _("The reduced fare needs a proof.")
    if lapsed.is_revoked:
        return _("The {kind} reduction of this ticket was revoked.", kind=_(lapsed.kind))
    if answer.journey is not None and answer.journey.day < lapsed.valid_from:
        day = day_in_words(lapsed.valid_from, year=True)
        return _("The {kind} reduction of this ticket begins on {day}.", kind=_(lapsed.kind), day=day)
    day = day_in_words(lapsed.valid_until, year=True)
    return _("The {kind} reduction of this ticket ended on {day}.", kind=_(lapsed.kind), day=day)


def _forged(answer: Answer, _gate: Gate) -> str:
    if answer.claim == "training":
        return _("It says it is a training ticket: not valid for travel.")
    if answer.claim == "real":
        return _("It is no ticket of training: real ones are judged at a real gate.")
    return _("The signature of this ticket is false.")


_SUPERVISOR: Final = "Keep the ticket here and call a supervisor."
_COUNTER: Final = "Send the passenger to a counter."
_WORDS: Final[dict[Outcome, _Words]] = {
    Outcome.ALREADY_USED: _Words("USED", _used, "Do not let a second person pass; call a supervisor."),
    Outcome.NOT_YET: _Words("TOO EARLY", _not_yet, "Ask the passenger to come back then."),
    Outcome.DEPARTED: _Words("DEPARTED", _departed, _COUNTER),
    Outcome.WRONG_TRAIN: _Words("WRONG TRAIN", _wrong_train, "Show the passenger to that train's gate."),
    Outcome.WRONG_STATION: _Words("WRONG STATION", _wrong_station, _COUNTER),
    Outcome.WRONG_DIRECTION: _Words("WRONG WAY", _wrong_direction, "Show the passenger to the right platform."),
    Outcome.WRONG_DATE: _Words("WRONG DATE", _wrong_date, _COUNTER),
    Outcome.CANCELLED: _Words("CANCELLED", "The ticket or its train was cancelled.", _COUNTER),
    Outcome.SUPERSEDED: _Words("REPLACED", "A newer ticket has replaced this one.", "Ask for the newer ticket."),
    Outcome.DUPLICATE: _Words("OLD ISSUE", "The ticket was issued again later.", "Ask for the newest print."),
    Outcome.ENTITLEMENT: _Words("CHECK CARD", _entitlement, "A valid card is registered at a counter."),
    Outcome.UNPAID: _Words("UNPAID", "The booking has not been paid.", _COUNTER),
    Outcome.REVOKED: _Words("REVOKED", "The ticket was revoked.", _SUPERVISOR),
    Outcome.UNKNOWN: _Words("UNKNOWN", "This is no ticket of this railway.", "Ask for the ticket's own code."),
    Outcome.FORGED: _Words("FORGED", _forged, _SUPERVISOR),
    Outcome.UNREADABLE: _Words("UNREADABLE", "The code is damaged or incomplete.", "Scan again, or type the code."),
}


def face_of(answer: Answer, gate: Gate) -> Face:
    """The answer in words, in the language of the screen."""
    seat = answer.seat
    known = {
        "seat": f"{seat.coach.label} {seat.number}" if seat else "",
        "who": "   ".join(part for part in (answer.passenger_name, answer.identity) if part),
        "trip": _trip(answer.journey) if answer.journey else "",
    }
    if answer.outcome is Outcome.OK:
        advice = "" if seat or answer.journey is None else _("Without a seat of its own.")
        return Face("go", _("BOARD"), advice=advice, **known)
    words = _WORDS[answer.outcome]
    reason = _(words.reason) if isinstance(words.reason, str) else words.reason(answer, gate)
    return Face("stop", _(words.word), reason=reason, advice=_(words.advice), **known)


def word_of(outcome: Outcome) -> str:
    """The word alone, for the line of the last scans."""
    return _("BOARD") if outcome is Outcome.OK else _(_WORDS[outcome].word)


def undecided(reason: str, waiting: int) -> Face:
    """Nobody could judge the scan yet."""
    more = _("{n} scans wait; all are judged, in order, when it is back.", n=waiting) if waiting > 1 else ""
    alone = _("It is judged when the database is back, or when you scan again.")
    return Face("wait", _("WAIT"), reason=_("Not decided: {reason}", reason=reason), advice=more or alone)


def checking() -> Face:
    """The answer takes longer than usual: nobody may take the one before for it."""
    return Face("wait", _("WAIT"), reason=_("Asking the database…"))


def failed(sentence: str, hint: str) -> Face:
    """The scan could not be judged at all, and will not be."""
    return Face("stop", _("NOT CHECKED"), reason=sentence, advice=hint)


def idle(station: str) -> Face:
    """Nothing has been scanned yet."""
    if not station:
        nowhere, advice = _("This terminal stands at no station."), _("Set COUNTER_STATION and start again.")
        return Face("stop", _("NO STATION"), reason=nowhere, advice=advice)
    return Face("idle", _("SCAN"), reason=_("Scan a ticket at {station}, or type its code.", station=station))


def _train(trip: Journey) -> str:
    return f"{trip.train.number} {trip.train.name}"


def _trip(trip: Journey) -> str:
    when = f"{day_in_words(trip.day)} {clock_time(trip.departs_at)}"
    return f"{trip.origin.code} → {trip.destination.code} · {_train(trip)} · {when}"


def _day(moment: datetime) -> str:
    return day_in_words(moment.date())
