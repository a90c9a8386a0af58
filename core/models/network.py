"""The railway itself: stations, routes, trains, classes, coaches, seats, schedules and what is taken on them."""

from __future__ import annotations

from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, Numeric, SmallInteger, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from core.models.base import Base, Stamped, belongs_to, created_column, one_of, small_key, tenant_key
from core.states import SCHEDULE

TRAIN_TYPES = ("express", "local", "high_speed")
CLASS_TYPES = ("economy", "premium", "business", "executive", "luxury", "panoramic", "suites", "sleeper")
SEAT_TYPES = ("window", "aisle", "middle")


class Station(Stamped, Base):
    __tablename__ = "stations"
    __table_args__ = (UniqueConstraint("operator_id", "station_code"),)

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    station_code: Mapped[str]
    station_name: Mapped[str]
    city: Mapped[str]
    province: Mapped[str]
    latitude: Mapped[Decimal | None] = mapped_column(Numeric(9, 6))
    longitude: Mapped[Decimal | None] = mapped_column(Numeric(9, 6))
    time_zone: Mapped[str] = mapped_column(comment="IANA name; every local time at this station is in it")
    facilities: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class Route(Stamped, Base):
    __tablename__ = "routes"
    __table_args__ = (
        UniqueConstraint("operator_id", "route_name"),
        belongs_to("stations", "origin_station_id"),
        belongs_to("stations", "destination_station_id"),
        CheckConstraint("distance > 0 AND estimated_duration > 0", name="positive"),
    )

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    route_name: Mapped[str]
    origin_station_id: Mapped[int]
    destination_station_id: Mapped[int]
    distance: Mapped[int] = mapped_column(comment="km")
    estimated_duration: Mapped[int] = mapped_column(comment="minutes")
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class RouteStation(Base):
    __tablename__ = "route_stations"
    __table_args__ = (
        UniqueConstraint("operator_id", "route_id", "station_order"),
        UniqueConstraint("operator_id", "route_id", "station_id"),
        belongs_to("routes", "route_id"),
        belongs_to("stations", "station_id"),
        CheckConstraint("station_order BETWEEN 0 AND 63", name="station_order_fits_mask"),
        CheckConstraint("departure_offset >= arrival_offset", name="leaves_after_arriving"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    route_id: Mapped[int]
    station_id: Mapped[int]
    station_order: Mapped[int] = mapped_column(SmallInteger, comment="0 at the origin; leg n runs from stop n to n+1")
    arrival_offset: Mapped[int] = mapped_column(comment="minutes after the departure from the origin")
    departure_offset: Mapped[int] = mapped_column(comment="minutes after the departure from the origin")
    distance: Mapped[int] = mapped_column(comment="km from the origin")
    is_stop: Mapped[bool] = mapped_column(server_default=text("true"))
    created_at: Mapped[datetime] = created_column()


class Train(Stamped, Base):
    __tablename__ = "trains"
    __table_args__ = (UniqueConstraint("operator_id", "train_number"), one_of("train_type", TRAIN_TYPES))

    operator_id: Mapped[int] = tenant_key(root=True)
    id: Mapped[int] = small_key()
    train_number: Mapped[str]
    train_name: Mapped[str]
    train_type: Mapped[str]
    is_subsidised: Mapped[bool] = mapped_column(
        server_default=text("false"), comment="a public service obligation: one ticket per identity and trip"
    )
    total_capacity: Mapped[int]
    facilities: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    is_active: Mapped[bool] = mapped_column(server_default=text("true"))


class TrainClass(Stamped, Base):
    __tablename__ = "train_classes"
    __table_args__ = (
        UniqueConstraint("operator_id", "train_id", "class_code"),
        belongs_to("trains", "train_id"),
        one_of("class_type", CLASS_TYPES),
        CheckConstraint("base_price >= 0", name="base_price_not_negative"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    train_id: Mapped[int]
    class_type: Mapped[str]
    class_code: Mapped[str] = mapped_column(comment="as printed and typed: EKS, EKO, LUX …")
    class_name: Mapped[str]
    capacity: Mapped[int]
    base_price: Mapped[int] = mapped_column(BigInteger, comment="whole route, minor units")
    amenities: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    is_available: Mapped[bool] = mapped_column(server_default=text("true"))


class Coach(Base):
    __tablename__ = "coaches"
    __table_args__ = (
        UniqueConstraint("operator_id", "train_id", "car_number"),
        UniqueConstraint("operator_id", "train_id", "coach_label"),
        belongs_to("trains", "train_id"),
        belongs_to("train_classes", "class_id"),
        CheckConstraint("car_number BETWEEN 1 AND 63", name="car_number_fits_ticket_code"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    train_id: Mapped[int]
    class_id: Mapped[int]
    car_number: Mapped[int] = mapped_column(SmallInteger, comment="position in the train, from 1")
    coach_label: Mapped[str] = mapped_column(comment="as painted beside the door: EKS 1, EKO PRE-2")
    layout: Mapped[str] = mapped_column(comment="seats across: 2-2, 3-2, 1-2, 1-1")
    created_at: Mapped[datetime] = created_column()


class Seat(Stamped, Base):
    __tablename__ = "seats"
    __table_args__ = (
        UniqueConstraint("operator_id", "train_id", "car_number", "seat_number"),
        UniqueConstraint("operator_id", "coach_id", "seat_index"),
        UniqueConstraint("operator_id", "id", "class_id"),
        belongs_to("trains", "train_id"),
        belongs_to("train_classes", "class_id"),
        belongs_to("coaches", "coach_id"),
        one_of("seat_type", SEAT_TYPES),
        CheckConstraint("seat_index BETWEEN 1 AND 255", name="seat_index_fits_ticket_code"),
        Index(None, "operator_id", "class_id"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    train_id: Mapped[int]
    class_id: Mapped[int]
    coach_id: Mapped[int]
    seat_number: Mapped[str] = mapped_column(comment="row and letter: 10C")
    seat_type: Mapped[str]
    car_number: Mapped[int] = mapped_column(SmallInteger)
    seat_index: Mapped[int] = mapped_column(SmallInteger, comment="counted within the coach, from 1")
    row_number: Mapped[int] = mapped_column(SmallInteger)
    column_letter: Mapped[str]
    place_across: Mapped[int] = mapped_column(
        SmallInteger, comment="neighbours differ by one, an aisle makes a gap of two"
    )
    seat_features: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    is_accessible: Mapped[bool] = mapped_column(server_default=text("false"))


class FareBucket(Base):
    """A fare subclass: a price for so many seats of a class, cheapest first sold."""

    __tablename__ = "fare_buckets"
    __table_args__ = (
        UniqueConstraint("operator_id", "class_id", "subclass"),
        belongs_to("train_classes", "class_id"),
        CheckConstraint("quota IS NULL OR quota > 0", name="quota_positive"),
        CheckConstraint("price_permille > 0", name="price_positive"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    class_id: Mapped[int]
    subclass: Mapped[str] = mapped_column(comment="AA A H I J, B K N O, CA CB CC C P Q S …")
    price_permille: Mapped[int] = mapped_column(comment="share of the class's base price, 1000 is all of it")
    quota: Mapped[int | None] = mapped_column(comment="seats of a departure at this price; null: all that are left")
    created_at: Mapped[datetime] = created_column()


class ServicePattern(Base):
    """When a train runs: what opening a further day of schedules is computed from."""

    __tablename__ = "service_patterns"
    __table_args__ = (
        UniqueConstraint("operator_id", "train_id", "route_id", "valid_from"),
        belongs_to("trains", "train_id"),
        belongs_to("routes", "route_id"),
        CheckConstraint("weekdays BETWEEN 1 AND 127", name="weekdays_is_mask"),
        CheckConstraint("valid_to IS NULL OR valid_to >= valid_from", name="validity_goes_forward"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    train_id: Mapped[int]
    route_id: Mapped[int]
    departure_time: Mapped[time] = mapped_column(comment="local time at the origin")
    weekdays: Mapped[int] = mapped_column(SmallInteger, server_default=text("127"), comment="bit 0 is Monday")
    valid_from: Mapped[date]
    valid_to: Mapped[date | None]
    created_at: Mapped[datetime] = created_column()


class Schedule(Stamped, Base):
    """One departure of a train on one service date: the day it leaves its origin."""

    __tablename__ = "schedules"
    __table_args__ = (
        UniqueConstraint("operator_id", "train_id", "departure_date"),
        UniqueConstraint("operator_id", "id", "departure_date"),
        belongs_to("trains", "train_id"),
        belongs_to("routes", "route_id"),
        one_of("status", SCHEDULE),
        CheckConstraint("delay_minutes >= 0", name="delay_not_negative"),
        CheckConstraint("status <> 'delayed' OR delay_minutes > 0", name="delayed_by_minutes"),
        Index(None, "operator_id", "route_id", "departure_date"),
    )

    operator_id: Mapped[int] = tenant_key()
    id: Mapped[int] = small_key()
    train_id: Mapped[int]
    route_id: Mapped[int]
    departure_date: Mapped[date]
    departure_time: Mapped[time] = mapped_column(comment="local time at the origin")
    arrival_time: Mapped[time] = mapped_column(comment="local time at the terminus, possibly on a later day")
    departs_at: Mapped[datetime] = mapped_column(comment="the two above as an instant")
    status: Mapped[str] = mapped_column(server_default="scheduled")
    delay_reason: Mapped[str | None]
    delay_minutes: Mapped[int] = mapped_column(server_default=text("0"))
    skipped_stops: Mapped[int] = mapped_column(
        BigInteger, server_default=text("0"), sort_order=930, comment="bit n: it does not call at the route's stop n"
    )


class SeatInventory(Base):
    """What is taken: one row per seat and departure, one bit per leg between neighbouring stops.

    Written by the owner when a schedule opens; the counter may only change ``occupied``. There is no foreign key to
    ``seats`` on purpose: opening 90 days would check it a million times, and the integrity check finds a stray row.
    """

    __tablename__ = "seat_inventory"
    __table_args__ = (
        CheckConstraint("occupied >= 0", name="occupied_is_mask"),
        {"postgresql_partition_by": "RANGE (service_date)"},
    )

    operator_id: Mapped[int] = tenant_key()
    service_date: Mapped[date] = mapped_column(primary_key=True)
    schedule_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    class_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    seat_id: Mapped[int] = mapped_column(Integer, primary_key=True)
    occupied: Mapped[int] = mapped_column(BigInteger, server_default=text("0"), comment="bit n: taken on leg n")
