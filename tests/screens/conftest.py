"""The application on a database of its own, as a person at a counter meets it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from textual.pilot import Pilot

from core.config import Settings
from core.ops.demo import PIN
from counter.app import CounterApp

Until: TypeAlias = Callable[[Pilot[Any], Callable[[], bool]], Awaitable[None]]
Counter: TypeAlias = Callable[..., AbstractAsyncContextManager[Pilot[None]]]


async def _until(pilot: Pilot[Any], done: Callable[[], bool]) -> None:
    while not done():
        await pilot.pause(0.01)
    await pilot.pause()


@pytest.fixture(scope="session")
def until() -> Until:
    """``await _until(pilot, lambda: …)``: wait for something to become true; the time limit is the runner's."""
    return _until


@pytest.fixture
def desk_settings(database: Any, tmp_path: Path) -> Settings:
    """A counter at Yogyakarta, with the test's database and a printer that writes to a file."""
    return Settings(
        home=tmp_path,
        database_url=database.counter_url,
        keys=database.keys_folder,
        terminal="TEST-1",
        station="YK",
        printer=f"file:{tmp_path / 'printer.bin'}",
    )


@pytest.fixture
def counter(desk_settings: Settings) -> Counter:
    """``async with counter("1001") as pilot``: the application with somebody signed in; ``None`` for nobody."""

    @asynccontextmanager
    async def opened(staff: str | None = "1001", *, size: tuple[int, int] = (80, 24)) -> AsyncIterator[Pilot[None]]:
        app = CounterApp(desk_settings)
        try:
            async with app.run_test(size=size) as pilot:
                await _until(pilot, lambda: app.workplace is not None)
                if staff is not None:
                    await app.sign_in(staff, PIN)
                    await _until(pilot, lambda: app.current_mode != "login")
                yield pilot
        finally:
            app.close()

    return opened
