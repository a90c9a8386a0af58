"""Does the audit trail prove itself? Every row of every chain, against heads, checkpoints and the file outside.

Asked on one snapshot, by the integrity check and by supervisors at any time. What is wrong is named by chain, row and
id: the first such row of each chain, since what follows a break proves nothing by itself.
"""
# ruff: noqa: S608 - statements put together from constants of this module

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC
from itertools import groupby
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from sqlalchemy import bindparam, select

from core.audit.chain import Head, Link, Walk, Witness, diagnose, end, testimony
from core.audit.checkpoints import NO_TERMINAL, Checkpoint, Noted, read_file
from core.database import Actor, Statement, Transaction
from core.errors import NotFound
from core.models import AuditCheckpoint, AuditHead, Terminal
from core.models.audit_guards import canonical, chain
from core.office import Office
from core.permissions import require

_AT_ONCE: Final = 5_000
_HEADS: Final = Statement(
    select(AuditHead.chain, AuditHead.last_no, AuditHead.previous_hash, AuditHead.last_hash).where(
        AuditHead.operator_id == bindparam("operator_id")
    )
)
_CHECKPOINTS: Final = Statement(
    select(AuditCheckpoint)
    .where(AuditCheckpoint.operator_id == bindparam("operator_id"))
    .order_by(AuditCheckpoint.chain, AuditCheckpoint.chain_no)
)
_NAMES: Final = Statement(
    select(Terminal.id, Terminal.terminal_code).where(Terminal.operator_id == bindparam("operator_id"))
)
_COUNT: Final = "SELECT coalesce(sum(last_no), 0)::bigint FROM audit_heads WHERE {chain} IN (chain, -1)"
_OPEN: Final = f"""
    DECLARE audit_rows NO SCROLL CURSOR FOR
    SELECT {chain("a")} AS chain, a.chain_no, a.id, coalesce(a.previous_hash, '') AS previous_hash,
        coalesce(a.row_hash, '') AS row_hash, a.row_hash = sha256(a.previous_hash || {canonical("a")}) AS whole,
        format('%s of %s %s', a.action, a.entity_type, a.entity_id) AS about
    FROM audit_logs a WHERE {{chain}} IN ({chain("a")}, -1) ORDER BY 1, 2, 3
"""
_ALL: Final = -1
_FETCH: Final = f"FETCH {_AT_ONCE} FROM audit_rows"
#: Rows of a chain that are not whole, paired with the numbers whose hashes their contents would fit.
_FITS: Final = """
    WITH broken AS (
        SELECT a.id, a.chain_no, a.previous_hash, a.row_hash, {canonical} AS said FROM audit_logs a
        WHERE {chain} = {number} AND a.row_hash IS DISTINCT FROM sha256(a.previous_hash || {canonical})
        ORDER BY a.chain_no LIMIT 1000
    )
    SELECT a.id, b.chain_no FROM broken a JOIN broken b ON a.id <> b.id
        AND sha256(b.previous_hash || a.said) = b.row_hash
"""


@dataclass(frozen=True)
class Proof:
    """How many rows were looked at, and what is wrong with them."""

    checked: int
    problems: tuple[str, ...]


@dataclass
class _Chain:
    """A chain with everybody who knows something of it."""

    name: str
    head: Head | None = None
    witnesses: list[Witness] = field(default_factory=list)


#: (rows looked at, rows there should be); may raise to end the look.
Progress = Callable[[int, int], None]


def check(office: Office, actor: Actor, heads_file: Path, progress: Progress, *, terminal: str | None = None) -> Proof:
    """Prove all chains, or the one of a terminal, and put on record that somebody asked and what was found.

    Args:
        heads_file: the audit heads outside the database.
        terminal: a terminal's code.

    Raises:
        NotPermitted: not a supervisor or an administrator.
        NotFound: there is no such terminal.
        NotReady: the file cannot be read.
    """
    require(actor, "look_into_audit")
    outside = read_file(heads_file)

    def look(tx: Transaction) -> Proof:
        return prove(tx, office, outside, only=None if terminal is None else _chain_of(tx, terminal), progress=progress)

    found = office.database.transaction(look, snapshot=True, actor=actor, statement_timeout=600)
    said = {"terminal": terminal, "rows": found.checked, "problems": list(found.problems)}
    office.database.transaction(lambda tx: tx.audit("view", "audit_logs", "proof", new=said), actor=actor)
    return found


def _chain_of(tx: Transaction, code: str) -> int:
    for number, known in tx.send(_NAMES).pairs().items():
        if known == code.strip():
            return int(number)
    raise NotFound(f"There is no terminal {code.strip()[:40]!r}.", code="unknown_terminal", hint="Check the code.")


def prove(
    tx: Transaction,
    office: Office,
    outside: Sequence[Noted],
    *,
    only: int | None = None,
    progress: Progress = lambda _done, _total: None,
) -> Proof:
    """
    Args:
        tx: a snapshot.
        outside: lines of the file outside the database, read before the snapshot was taken.
        only: one chain, instead of all.
    """
    chains, problems = _load(tx, office, outside, only)
    checked = 0
    for number, links in groupby(_rows(tx, only, progress), key=lambda row: row[0]):
        one = chains.pop(number, None) or _Chain(_name({}, number))
        walk, rest = _walk(one, (link for _, link in links))
        checked += walk.number + len(rest)
        problems += _judge(tx, number, one, walk, rest)
    for number, one in chains.items():  # of which no row is left
        problems += _judge(tx, number, one, Walk(one.head), [])
    return Proof(checked, tuple(problems))


def _walk(one: _Chain, links: Iterable[Link]) -> tuple[Walk, list[Link]]:
    walk = Walk(one.head, frozenset(witness.number for witness in one.witnesses))
    rest: list[Link] = []
    for link in links:
        if rest or not walk.take(link):
            rest.append(link)
    return walk, rest


def _judge(tx: Transaction, number: int, one: _Chain, walk: Walk, rest: Sequence[Link]) -> list[str]:
    """The first break of a chain, and what its end and its witnesses say."""
    broken = diagnose(walk, rest, _fits(tx, number)) if rest else end(walk)
    last_number = max((link.number for link in rest), default=walk.number)
    if one.head is not None and one.head.number > last_number:
        last_number = one.head.number  # that much the head has told already
    told = (broken, testimony(walk, one.witnesses, last_number))
    return [f"{one.name}: {problem}" for problem in told if problem]


def _fits(tx: Transaction, number: int) -> Mapping[UUID, int]:
    question = _FITS.format(canonical=canonical("a"), chain=chain("a"), number=number)
    return tx.raw(question).pairs()


def _rows(tx: Transaction, only: int | None, progress: Progress) -> Iterator[tuple[int, Link]]:
    """Every row of this operator, or of one chain, by chain and number, not all of them in memory at once."""
    chosen = _ALL if only is None else int(only)
    total, done = int(tx.raw(_COUNT.format(chain=chosen)).scalar() or 0), 0
    tx.raw(_OPEN.format(chain=chosen))
    while rows := tx.raw(_FETCH).all():
        done += len(rows)
        progress(done, max(total, done))
        for row in rows:
            link = Link(row.chain_no, row.id, bytes(row.previous_hash), bytes(row.row_hash), bool(row.whole), row.about)
            yield row.chain, link


def _load(
    tx: Transaction, office: Office, outside: Sequence[Noted], only: int | None
) -> tuple[dict[int, _Chain], list[str]]:
    """The chains that heads, checkpoints and the file outside know, and what is wrong with these themselves."""
    asked = tx.send(_HEADS), tx.send(_CHECKPOINTS), tx.send(_NAMES)
    heads, stored, names = asked[0].all(), asked[1].all(), asked[2].pairs()
    chains: dict[int, _Chain] = {}
    for head in heads:
        if only not in (None, head.chain):
            continue
        known = Head(head.last_no, bytes(head.previous_hash), bytes(head.last_hash))
        chains[head.chain] = _Chain(_name(names, head.chain), known)
    problems: list[str] = []
    inside = {(row.chain, row.chain_no): _checkpoint(office, names, row) for row in stored}
    for one in inside.values():
        if only not in (None, one.chain):
            continue
        source = f"the checkpoint of {_moment(one)}"
        here = chains.setdefault(one.chain, _Chain(_name(names, one.chain)))
        if one.is_ours(office):
            here.witnesses.append(Witness(one.number, one.hash, source))
        else:
            problems.append(f"{here.name}: {source} at row {one.number} was changed: its signature does not verify")
    for line, said in _own_lines(office, outside, problems):
        if only not in (None, said.chain):
            continue
        here = chains.setdefault(said.chain, _Chain(_name(names, said.chain)))
        here.witnesses.append(Witness(said.number, said.hash, f"line {line} of the file of audit heads"))
        if (said.chain, said.number) not in inside:
            problems.append(f"{here.name}: the checkpoint of {_moment(said)} at row {said.number} was removed")
    return chains, problems


def _own_lines(office: Office, outside: Sequence[Noted], problems: list[str]) -> Iterator[tuple[int, Checkpoint]]:
    """The file's lines about this operator; a line that is no checkpoint of ours is a problem, another's is not."""
    for noted in outside:
        said = noted.checkpoint
        if said is not None and said.issuer != office.operator.issuer:
            continue
        if said is None or not said.is_ours(office):
            problems.append(f"line {noted.line} of the file of audit heads was changed: its signature does not verify")
        else:
            yield noted.line, said


def _checkpoint(office: Office, names: Mapping[int, str], row: Any) -> Checkpoint:
    return Checkpoint(
        issuer=office.operator.issuer,
        chain=row.chain,
        terminal=names.get(row.chain, ""),
        number=row.chain_no,
        hash=bytes(row.row_hash),
        user_id=row.user_id,
        at=row.created_at,
        key_id=row.key_id,
        signature=bytes(row.signature),
    )


def _moment(one: Checkpoint) -> str:
    return one.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _name(names: Mapping[int, str], number: int) -> str:
    if number == NO_TERMINAL:
        return "rows without a terminal"
    return f"terminal {names.get(number, f'no {number}')}"
