"""Commands for whoever keeps the keys: make, announce, retire and revoke them, hand them out, save and bring back."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from core import key_files, key_states, revocations
from core.config import settings
from core.errors import NotReady, Refused
from core.keys import FILE
from core.ops import key_rotation, reencryption
from core.ops.key_rotation import PURPOSES
from counter.cli.opening import workplace
from counter.cli.output import json_option, print_json, print_table, progress, say
from counter.cli.values import Number
from counter.session import owner_url

Command = TypeVar("Command", bound=Callable[..., Any])

_FILE: Final = click.Path(path_type=Path, dir_okay=False)


def purpose_option(default: str | None) -> Callable[[Command], Command]:
    """``--purpose``; without a default it must be given."""
    choice = click.Choice(PURPOSES)
    if default is None:
        return click.option("--purpose", type=choice, required=True)
    return click.option("--purpose", type=choice, default=default, show_default=True)


_key_id: Final = click.argument("key_id", metavar="ID", type=Number(1, 255))


@click.group()
def keys() -> None:
    """Ticket keys and identity keys. What changes them needs the owner's login (COUNTER_OWNER_DATABASE_URL)."""


def _where(as_json: bool) -> tuple[str, Path]:
    """The owner's address of the database, and this machine's folder of keys."""
    chosen = settings()
    return owner_url(chosen, progress(as_json)), chosen.keys_folder


@keys.command("list")
@json_option
def listing(as_json: bool) -> None:
    """Every key this operator ever had, and what it is now."""
    found = key_rotation.listed(*_where(as_json))
    if as_json:
        print_json({"keys": [one.as_json() for one in found]})
        return
    lines = [
        (
            one.purpose,
            str(one.key_id),
            one.state.value.replace("_", " ") + (", newest" if one.is_newest else ""),
            one.created_at.strftime("%Y-%m-%d"),
            "yes" if one.on_ring else "no",
            "" if one.sealed_values is None else str(one.sealed_values),
        )
        for one in found
    ]
    print_table([("Purpose", "Key", "Is", "Made", "On this ring", "Values sealed"), *lines], right=(1, 5))


@keys.command("rotate")
@purpose_option("ticket")
@click.option(
    "--announce/--now",
    default=None,
    help="Enter it without using it yet, or use it at once; a ticket key is used at once unless told otherwise.",
)
@json_option
def rotate(purpose: str, announce: bool | None, as_json: bool) -> None:
    """Put a new key on this machine's ring. The older ones stay good, and go on where rings lack the new one."""
    later = purpose == "identity" if announce is None else announce
    where = _where(as_json)
    key_id, found = key_rotation.rotate(*where, purpose, announce=later)
    if as_json:
        print_json({"purpose": purpose, "key_id": key_id, "state": found.value})
        return
    say(f"The {purpose} key {key_id} is {found.value.replace('_', ' ')}. It is in {where[1] / FILE}.")
    then = "counter admin keys reencrypt" if purpose == "identity" else f"counter admin keys activate {key_id}"
    say("Bring that ring to every counter" + (f", then run: {then}" if later else "; until then they use the older."))


@keys.command("activate")
@_key_id
@purpose_option("ticket")
@json_option
def activate(key_id: int, purpose: str, as_json: bool) -> None:
    """Take the announced key ID into use."""
    key_rotation.activate(*_where(as_json), purpose, key_id)
    _tell(as_json, purpose, key_id, "in_use", f"The {purpose} key {key_id} is in use.")


@keys.command("retire")
@_key_id
@purpose_option("ticket")
@json_option
def retire(key_id: int, purpose: str, as_json: bool) -> None:
    """Make nothing more with the key ID; what was made with it stays good."""
    key_rotation.retire(*_where(as_json), purpose, key_id)
    _tell(as_json, purpose, key_id, "retired", f"The {purpose} key {key_id} is retired.")


@keys.command("revoke")
@_key_id
@click.option("--reason", required=True, help="Goes on record.")
@json_option
def revoke(key_id: int, reason: str, as_json: bool) -> None:
    """Let no ticket of the ticket key ID through any gate: somebody else may have it."""
    tickets = key_rotation.revoke(*_where(as_json), key_id, reason)
    if as_json:
        print_json({"purpose": "ticket", "key_id": key_id, "state": "revoked", "live_tickets": tickets})
    else:
        say(f"The ticket key {key_id} is revoked; {tickets} live tickets were signed with it and must be issued anew.")


@keys.command("drop")
@_key_id
@purpose_option(None)
@json_option
def drop(key_id: int, purpose: str, as_json: bool) -> None:
    """Take the retired key ID off this machine's ring."""
    key_rotation.drop(*_where(as_json), purpose, key_id)
    _tell(as_json, purpose, key_id, "dropped", f"The {purpose} key {key_id} is off this machine's ring.")


def _tell(as_json: bool, purpose: str, key_id: int, state: str, sentence: str) -> None:
    if as_json:
        print_json({"purpose": purpose, "key_id": key_id, "state": state})
    else:
        say(sentence)


@keys.command("reencrypt")
@click.option("--batch", type=Number(1, 5000), default=reencryption.BATCH, show_default=True, help="Rows at a time.")
@json_option
def reencrypt(batch: int, as_json: bool) -> None:
    """Seal every protected value with the newest identity key, while sales go on. Can be cut short and run again."""
    report = progress(as_json)
    done = reencryption.reencrypt(
        *_where(as_json), batch=batch, report=lambda column, count: report(f"{column}: {count} moved", 0, 0)
    )
    if as_json:
        print_json({"key_id": done.key_id, "moved": done.moved, "left": done.left})
        return
    say(f"{done.moved} values were moved to the identity key {done.key_id}.")
    if done.left:
        say(f"{done.left} were held by somebody at that moment: run it again.")


@keys.command("public")
@json_option
def public(as_json: bool) -> None:
    """The public halves of the ticket keys, for gates and for whoever checks what this operator signed."""
    with workplace(as_json=as_json) as place:
        rows = place.office.database.transaction(key_states.read)
        issuer = place.office.operator.issuer
    found = [
        {"key_id": row.key_id, "state": key_states.state(row).value, "public_key": bytes(row.public_key).hex()}
        for row in sorted(rows, key=lambda row: int(row.key_id))
        if row.purpose == "ticket"
    ]
    if as_json:
        print_json({"issuer": issuer, "keys": found})
    else:
        lines = [(str(one["key_id"]), str(one["state"]).replace("_", " "), str(one["public_key"])) for one in found]
        print_table([("Key", "Is", "Public half (Ed25519)"), *lines], right=(0,))


@keys.command("revocations")
@click.option("--out", type=_FILE, help="A new file for it; standard output if left out.")
@json_option
def revocation_list(out: Path | None, as_json: bool) -> None:
    """The signed list of what gates must refuse: revoked keys, and tickets that are no longer good."""
    with workplace(as_json=as_json) as place:
        made = revocations.make(place.office)
    if out is not None:
        _write_new(out, json.dumps(made) + "\n")
    if as_json or out is None:
        print_json(made)
    else:
        said = made["statement"]
        counts = f"{len(said['keys'])} keys and {len(said['tickets'])} tickets"
        say(f"{counts} are in {out}, signed with key {made['key_id']}.")


def _write_new(file: Path, content: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as stream:
            stream.write(content)
    except FileExistsError:
        raise Refused(f"{file} is there already.", code="file_exists", hint="Choose another name.") from None
    except OSError as error:
        raise NotReady(f"{file} cannot be written.", code="file_not_written", hint=f"{error.strerror}.") from error


_passphrase: Final = click.option(
    "--passphrase-file", type=_FILE, help="A file whose first line opens the saved ring, 12 characters at least."
)


def _passphrase_in(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return (file.read_text(encoding="utf-8-sig").splitlines() or [""])[0]
    except (OSError, UnicodeDecodeError) as error:
        raise NotReady(
            f"The passphrase file {file} cannot be read.", code="file_not_read", hint="Check its permissions."
        ) from error


@keys.command("export")
@click.option("--gate", is_flag=True, required=True, help="Without any key that makes tickets or reads identities.")
@click.argument("file", type=_FILE)
@json_option
def export(gate: bool, file: Path, as_json: bool) -> None:
    """Write FILE, a key ring for gates: put it there as ring.json, or run `counter admin keys restore FILE` there."""
    ring = key_files.save(settings().keys_folder, file, gate=gate)
    ids = sorted(ring.ticket_keys)
    if as_json:
        print_json({"file": str(file), "kind": "gate", "ticket_keys": ids})
    else:
        say(f"{file} is a gate's key ring: it verifies the ticket keys {', '.join(map(str, ids))} and signs nothing.")


@keys.command("escrow")
@click.argument("file", type=_FILE)
@_passphrase
@json_option
def escrow(file: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Save this machine's key ring to the new FILE, for the safe. Without it nothing that is sealed can be read."""
    passphrase = _passphrase_in(passphrase_file)
    ring = key_files.save(settings().keys_folder, file, passphrase=passphrase)
    said = {"ticket_keys": sorted(ring.ticket_keys), "identity_keys": sorted(ring.identity_keys)}
    if as_json:
        print_json({"file": str(file), "sealed": passphrase is not None, **said})
    else:
        say(f"The key ring is saved in {file}, {'sealed' if passphrase else 'NOT sealed: keep it locked away'}.")


@keys.command("restore")
@click.argument("file", type=_FILE)
@_passphrase
@json_option
def restore(file: Path, passphrase_file: Path | None, as_json: bool) -> None:
    """Bring the key ring in FILE to this machine; keys that only the ring here has are kept."""
    ring = key_files.restore(file, settings().keys_folder, passphrase=_passphrase_in(passphrase_file))
    names = sorted(ring.fingerprints())
    said = {purpose: [key_id for kind, key_id in names if kind == purpose] for purpose in PURPOSES}
    if as_json:
        print_json(
            {"kind": "gate" if ring.is_gate else "counter", **{f"{name}_keys": ids for name, ids in said.items()}}
        )
    else:
        say(f"The ring here has the ticket keys {said['ticket']} and the identity keys {said['identity']}.")
