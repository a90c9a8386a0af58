"""How a shift goes on from step to step: movements, count, difference, approver, close.

What belongs here: the order of questions to the library and of dialogs. Every flow runs under the guard of
``sell_turns``; what is seen is drawn afterwards by ``counter.screens.shift``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from uuid import UUID

from core.approvals import Approval, ApprovalNeeded, NotApproved, Wish
from core.errors import NotFound, OutcomeUnknown
from core.money import grouped
from core.shifts import NoOpenShift
from core.shifts.movements import Move
from core.shifts.sheet import StoredZ
from counter.dialogs.approver import Approver
from counter.dialogs.form import Field, Form, Typed
from counter.dialogs.question import Question
from counter.i18n import _, language
from counter.screens.sell_turns import Turns
from counter.screens.shift_count import CountPanel
from counter.shift_desk import DrawerState, ShiftDesk
from counter.widgets.money_input import parse_money
from counter.widgets.state_bar import Light


class Face(Enum):
    """What the screen shows."""

    NONE = auto()
    OPEN = auto()
    COUNTING = auto()
    COUNTED = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True)
class _Asked:
    """A request that was made here, and for what."""

    approval: Approval
    fingerprint: bytes


class ShiftFlows(Turns):
    """The flows; see the module's docstring. The screen that is drawn builds upon it."""

    def __init__(self) -> None:
        super().__init__()
        self.state = DrawerState(None)
        self.face = Face.NONE
        self.z_report: StoredZ | None = None
        self.paper: list[str] = []
        self._asked: _Asked | None = None
        self._reason = ""

    @property
    def desk(self) -> ShiftDesk:
        """The library, for whoever works here."""
        return ShiftDesk.of(self.counter)

    @property
    def counting(self) -> CountPanel:
        """The counting table."""
        raise NotImplementedError

    async def look(self) -> None:
        """How the drawer stands now."""
        before = self.state.shift
        self.state = state = await self.counter.in_thread(self.desk.state)
        self.counter.drawer.show(state.shift)
        if self.face is Face.CLOSED and state.shift is None:
            return  # the report is still being read
        if state.shift is None or before is None or state.shift.id != before.id:
            self._reason, self._asked = "", None
        if state.report is None:
            self.face = Face.NONE
        else:
            self.face = Face.COUNTED if state.counted is not None else Face.OPEN

    async def open_shift(self) -> None:
        """A float, and a new shift."""
        self.face = Face.NONE
        if await self.counter.drawer.open(self):
            await self.look()

    # -- movements --------------------------------------------------------------------------------------------------

    async def move(self, kind: str) -> None:
        """Ask what moves and why, and record it; above the limit somebody approves it here."""
        titles = {
            "cash_in": _("Cash into the drawer"), "cash_out": _("Cash out of the drawer"),
            "drop": _("A drop into a sealed bag"), "no_sale": _("The drawer opens without a sale"),
        }  # fmt: skip
        amount = Field("amount", _("Amount"), "money", _("such as 200k"), _("Type how much it is."))
        bag = Field("bag", _("Bag number"), missing=_("Type the number that stands on the bag."))
        reason = Field("reason", _("Reason"), missing=_("Say why; it goes on record."))
        fields = [amount, *([bag] if kind == "drop" else []), reason] if kind != "no_sale" else [reason]

        def as_typed(typed: Typed) -> Move:
            sum_ = parse_money(typed["amount"]) if kind != "no_sale" else 0
            return Move(kind, sum_, typed["reason"], typed.get("bag")).tidied()

        desk = self.desk

        def record(typed: Typed) -> tuple[Move, bool]:
            wanted = as_typed(typed)
            try:
                desk.record(wanted, None)
            except ApprovalNeeded:
                return wanted, False
            return wanted, True

        answer = await self.counter.ask(Form(titles[kind], fields, record))
        if answer is None:
            return
        wanted, done = answer
        if not done:
            await self._move_approved(wanted)
            return
        await self._moved(wanted)

    async def _move_approved(self, wanted: Move) -> None:
        wish = await self.counter.in_thread(partial(self.desk.wish_for, wanted))
        sentence = _("{amount} is above the limit.", amount=grouped(wanted.amount))
        approval = await self._approved(wish, wanted.reason, sentence)
        if approval is not None:
            await self.counter.in_thread(partial(self.desk.record, wanted, approval))
            self._asked = None
            await self._moved(wanted)

    async def _moved(self, done: Move) -> None:
        await self.look()
        self.say(_("Noted: {amount}.", amount=grouped(done.amount)) if done.amount else _("Noted: the drawer is open."))

    # -- approvals --------------------------------------------------------------------------------------------------

    async def _approved(self, wish: Wish, reason: str, sentence: str) -> UUID | None:
        """Somebody's approval of a wish, given here or meanwhile elsewhere; None while there is none."""
        asked = self._asked
        if asked is None or asked.fingerprint != wish.fingerprint:
            approval = await self.counter.in_thread(partial(self.desk.request, wish, reason))
            asked = self._asked = _Asked(approval, wish.fingerprint)
        now = await self.counter.in_thread(partial(self.desk.approval, asked.approval))
        if now.status == "pending":
            decided = await self.counter.ask(Approver(self.desk, now, sentence))
            if decided is None:
                self.warn(_("Request {number} waits for a supervisor.", number=now.number),
                          _("Once it is approved the same key goes on."))  # fmt: skip
                return None
            now = decided
        if now.status == "approved":
            return now.id
        self._asked = None
        why = f" {now.decision_reason}" if now.decision_reason else ""
        self.warn(_("Request {number} is {status}.", number=now.number, status=_(now.status)) + why)
        return None

    # -- the count --------------------------------------------------------------------------------------------------

    async def begin_count(self) -> None:
        """Open the drawer and the counting table."""
        report = self.state.report
        assert report is not None, "only a shift of ours is counted"
        await self.counting.begin([roll["roll"] for roll in report["rolls"]])
        self.face = Face.COUNTING
        self.counter.drawer.kick()

    async def leave_count(self) -> None:
        """Back without storing anything; what was typed is gone."""
        if self.counting.total:
            sure = await self.counter.ask(
                Question(_("What was counted so far is lost."), yes=_("leave"), no=_("go on counting"))
            )
            if not sure:
                return
        self.face = Face.COUNTED if self.state.counted is not None else Face.OPEN
        await self.look()

    async def store_count(self) -> None:
        """Store the count, after one more look; then what should have been there is told."""
        total = grouped(self.counting.total)
        sentence = _("Counted: {total}. Store it? Nothing is sold in this shift afterwards.", total=total)
        if not await self.counter.ask(Question(sentence, yes=_("store"), no=_("go on counting"))):
            return
        pieces, ends = self.counting.pieces, tuple(self.counting.ends)
        try:
            await self.counter.in_thread(partial(self.desk.count, pieces, ends))
        except OutcomeUnknown:
            self.face = Face.OPEN  # the state that is read next says whether it was stored
            raise
        self.face = Face.COUNTED
        await self.look()
        self.say(_("The count is stored."))

    # -- the close --------------------------------------------------------------------------------------------------

    async def close_shift(self) -> None:
        """Reason and approver as far as they are needed, then the report."""
        counted = self.state.counted
        assert counted is not None, "only a counted shift is closed"
        approval = None
        if counted.needs_reason:
            if not await self._say_why(counted.worst):
                return
            if counted.needs_approval:
                side = _("over") if counted.worst > 0 else _("short")
                sentence = _("Shift {number} of {clerk} is {amount} {side}: {reason}", side=side, reason=self._reason,
                             number=counted.sheet.shift.number, clerk=counted.sheet.shift.clerk,
                             amount=grouped(abs(counted.worst)))  # fmt: skip
                approval = await self._approved(counted.wish(), self._reason, sentence)
                if approval is None:
                    return
        try:
            closed, state = await self.counter.in_thread(partial(self.desk.close, self._reason, approval))
        except (NoOpenShift, NotApproved):
            self._asked = None
            await self.look()
            raise
        self.state = DrawerState(None)
        self.counter.drawer.show(None)
        await self.read_z(closed.report)
        self._tell_print(state, _("Shift closed with Z report {number}.", number=closed.report.number))

    async def _say_why(self, difference: int) -> bool:
        if self._reason and self._asked is not None:
            return True  # it was said when the approval was asked for
        side = _("over") if difference > 0 else _("short")
        title = _("The drawer is {amount} {side}. Why?", amount=grouped(abs(difference)), side=side)
        reason = Field("reason", _("Reason"), missing=_("Say why; it goes on record."), value=self._reason)
        said = await self.counter.ask(Form(title, [reason], lambda typed: typed["reason"].strip()))
        self._reason = said or self._reason
        return said is not None

    # -- reports ----------------------------------------------------------------------------------------------------

    async def read_z(self, report: StoredZ) -> None:
        """A Z report on the screen, as it is on paper."""
        self.z_report = report
        self.paper = await self.counter.in_thread(partial(self.desk.preview, report.as_json(), language()))
        self.face = Face.CLOSED

    async def show_last_z(self) -> None:
        """The last Z report of this terminal."""
        try:
            await self.read_z(await self.counter.in_thread(self.desk.z_report))
        except NotFound:
            self.say(_("No shift was closed here yet."))

    async def print_z(self) -> None:
        """The report on paper."""
        assert self.z_report is not None, "it is being read"
        self._tell_print(await self.counter.in_thread(partial(self.desk.print_z, self.z_report)), "")

    async def print_x(self) -> None:
        """The shift as it stands, on paper."""
        await self.look()
        report = self.state.report
        if report is not None:
            self._tell_print(await self.counter.in_thread(partial(self.desk.print_x, report)), "")

    def _tell_print(self, state: str, done: str) -> None:
        lights: dict[str, Light] = {"confirmed": "on", "unknown": "unsure", "queued": "away"}
        if state in lights:
            self.counter.light("printer", lights[state])
        if state == "confirmed":
            self.say(f"{done} {_('The report is printed.')}".strip())
        elif state == "off":
            self.say(f"{done} {_('This terminal has no printer.')}".strip())
        else:
            self.warn(f"{done} {_('The printer did not say that it printed.')}".strip(), _("P prints it again."))
