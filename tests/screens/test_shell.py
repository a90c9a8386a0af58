"""The frame around the workstations: modes, dialogs, messages, help, palette, language, and the database going away."""

from __future__ import annotations


async def test_a_gate_agent_signs_in_at_the_gate(counter) -> None:
    async with counter("2001") as pilot:
        assert pilot.app.current_mode == "gate"
        assert pilot.app.actor.full_name == "Joko"
