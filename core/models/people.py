"""Operators, the logins that stand for them, terminals, and everyone who has an account: staff and customers."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, small_key, tenant_key

GENDERS = ("male", "female", "other")
ENTITLEMENT_KINDS = ("senior", "veteran", "military")
ROLES = ("customer", "clerk", "gate", "supervisor", "admin")
#: What a database login may be: the owner, or a member of one of the roles in ``core.models.roles``.
LOGIN_ROLES = ("owner", "counter", "gate", "supervisor", "reporting")


class Operator(Stamped, Base):
    __tablename__ = "operators"
    __table_args__ = (CheckConstraint("issuer_code ~ '^[A-Z]{3}$'", name="issuer_code_is_three_letters"),)

    id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    operator_code: Mapped[str] = mapped_column(unique=True)
    operator_name: Mapped[str]
    issuer_code: Mapped[str] = mapped_column(unique=True, comment="opens every ticket code of this operator")
    country: Mapped[str] = mapped_column(server_default="ID")
    currency: Mapped[str] = mapped_column(server_default="IDR")
    time_zone: Mapped[str] = mapped_column(server_default="Asia/Jakarta")
    is_demonstration: Mapped[bool] = mapped_column(server_default=text("false"))
    is_training: Mapped[bool] = mapped_column(
        server_default=text("false"), sort_order=910, comment="nothing here is a real sale"
    )


class DatabaseLogin(Base):
    """Which operator a database login stands for. No terminal role may read or write it."""

    __tablename__ = "database_logins"
    __table_args__ = (one_of("login_role", LOGIN_ROLES),)

    login_name: Mapped[str] = mapped_column(primary_key=True)
    operator_id: Mapped[int] = mapped_column(SmallInteger, ForeignKey("operators.id"))
    login_role: Mapped[str]
    created_at: Mapped[datetime] = created_column()


class KeyRing(Base):
    """Fingerprints of the keys this operator works with, and the public halves of the ticket keys.

    Private halves live outside the database; a terminal whose ring has another fingerprint refuses to start.
    """

    __tablename__ = "key_rings"
    __table_args__ = (
        one_of("purpose", ("ticket", "identity")),
        CheckConstraint("key_id BETWEEN 1 AND 255", name="key_id_fits_ticket_code"),
        CheckConstraint("(purpose = 'ticket') = (public_key IS NOT NULL)", name="ticket_keys_are_public"),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    purpose: Mapped[str] = mapped_column(primary_key=True)
    key_id: Mapped[int] = mapped_column(SmallInteger, primary_key=True)
    fingerprint: Mapped[bytes]
    public_key: Mapped[bytes | None]
    created_at: Mapped[datetime] = created_column()
    retired_at: Mapped[datetime | None] = mapped_column(comment="signs no more, still verifies")
    revoked_at: Mapped[datetime | None] = mapped_column(comment="verifies no more")


class Terminal(Stamped, Base):
    __tablename__ = "terminals"
    __table_args__ = (
        UniqueConstraint("operator_id", "terminal_code"),
        belongs_to("stations", "station_id"),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    terminal_code: Mapped[str]
    station_id: Mapped[int | None] = mapped_column(Integer)
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class User(Stamped, Base):
    """Staff sign in with a number and a PIN, customers with an e-mail address and a password."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("operator_id", "staff_number"),
        UniqueConstraint("operator_id", "email_digest"),
        Index(None, "operator_id", "phone_digest"),
        one_of("gender", GENDERS),
        one_of("role", ROLES),
        CheckConstraint("(role = 'customer') = (staff_number IS NULL)", name="staff_have_numbers"),
        CheckConstraint("(email IS NULL) = (email_digest IS NULL)", name="email_digest_beside_email"),
        CheckConstraint("(phone_number IS NULL) = (phone_digest IS NULL)", name="phone_digest_beside_phone"),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[UUID] = mapped_column(primary_key=True)
    staff_number: Mapped[str | None]
    role: Mapped[str] = mapped_column(server_default="customer")
    email: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    email_digest: Mapped[bytes | None] = mapped_column(comment="keyed digest, for look-up and uniqueness")
    password_hash: Mapped[str | None] = mapped_column(comment="argon2; staff: of the PIN")
    full_name: Mapped[str]
    phone_number: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    phone_digest: Mapped[bytes | None]
    date_of_birth: Mapped[date | None]
    gender: Mapped[str | None]
    is_verified: Mapped[bool] = mapped_column(server_default=text("false"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    failed_attempts: Mapped[int] = mapped_column(server_default=text("0"))
    locked_until: Mapped[datetime | None]
    last_login: Mapped[datetime | None]
    must_change_pin: Mapped[bool] = mapped_column(
        server_default=text("false"), sort_order=910, comment="somebody else has set it"
    )
    lockouts: Mapped[int] = mapped_column(
        SmallInteger, server_default=text("0"), sort_order=911, comment="since the last right PIN"
    )
    erased_at: Mapped[datetime | None] = mapped_column(
        sort_order=912, comment="when the person was taken out of the record"
    )


class UserProfile(Stamped, Base):
    __tablename__ = "user_profiles"
    __table_args__ = (UniqueConstraint("operator_id", "user_id"), belongs_to("users", "user_id"))

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    profile_picture: Mapped[str | None] = mapped_column(comment="address of the picture")
    address: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    city: Mapped[str | None]
    province: Mapped[str | None]
    postal_code: Mapped[str | None]
    emergency_contact_name: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    emergency_contact_phone: Mapped[bytes | None] = mapped_column(comment="AES-GCM")
    preferences: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))


class UserSession(Base):
    __tablename__ = "user_sessions"
    __table_args__ = (
        UniqueConstraint("operator_id", "session_token"),
        belongs_to("users", "user_id"),
        belongs_to("terminals", "terminal_id"),
        Index(None, "operator_id", "user_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    user_id: Mapped[UUID]
    terminal_id: Mapped[int | None]
    session_token: Mapped[bytes] = mapped_column(comment="SHA-256 of the token; the token itself is stored nowhere")
    ip_address: Mapped[str | None]
    user_agent: Mapped[str | None]
    login_time: Mapped[datetime] = created_column()
    last_activity: Mapped[datetime] = created_column()
    expires_at: Mapped[datetime]
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))
    is_interactive: Mapped[bool] = mapped_column(
        server_default=text("false"), sort_order=910, comment="somebody at a screen, not a command"
    )
    ended_at: Mapped[datetime | None] = mapped_column(sort_order=911)
    ended_because: Mapped[str | None] = mapped_column(sort_order=912)


class SignInAttempt(Base):
    """An answer to a challenge that was put down and not yet judged; no terminal sees any (``sign_in_guards``)."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (belongs_to("users", "user_id"), Index(None, "operator_id", "subject"))

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(comment="the user's key, or the digest of a number nobody has")
    user_id: Mapped[UUID | None]
    answer: Mapped[bytes] = mapped_column(comment="SHA-256 of the proof")
    made_in: Mapped[str] = mapped_column(comment="the transaction; another one judges it")
    created_at: Mapped[datetime] = created_column()


class UserStation(Base):
    """A station somebody may work at; who has none may work at every one."""

    __tablename__ = "user_stations"
    __table_args__ = (belongs_to("users", "user_id"), belongs_to("stations", "station_id"))

    operator_id: Mapped[int] = tenant_key()
    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    station_id: Mapped[int] = mapped_column(Integer, primary_key=True)


class Entitlement(Stamped, Base):
    """A person's registered right to a reduction, known by the digest of the identity number."""

    __tablename__ = "entitlements"
    __table_args__ = (
        belongs_to("users", "registered_by"),
        one_of("entitlement_kind", ENTITLEMENT_KINDS),
        CheckConstraint("valid_until >= valid_from", name="validity_goes_forward"),
        CheckConstraint("btrim(holder_name) <> ''", name="holder_not_blank"),
        Index(
            "uq_entitlements_one_in_force",
            "operator_id",
            "identity_digest",
            "entitlement_kind",
            unique=True,
            postgresql_where=text("revoked_at IS NULL"),
        ),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[UUID] = mapped_column(primary_key=True)
    entitlement_kind: Mapped[str]
    holder_name: Mapped[str]
    identity_digest: Mapped[bytes]
    identity_last_four: Mapped[str]
    document_reference: Mapped[str] = mapped_column(comment="the card or letter that was shown")
    valid_from: Mapped[date]
    valid_until: Mapped[date] = mapped_column(comment="the last day it holds")
    registered_by: Mapped[UUID]
    revoked_at: Mapped[datetime | None]
