"""A payment gateway to try and to test with: it answers over HTTP as the real one does, and fails on demand.

``transactions`` keeps the orders, ``faults`` decides what goes wrong, ``server`` speaks HTTP on loopback only, and
``console`` is what a user sees. Nothing here knows the counter's database or screens, and no real money is involved.
"""

from __future__ import annotations

from counter.simulator.console import run_simulator
from counter.simulator.faults import Fault, FaultPlan
from counter.simulator.server import GatewaySimulator
from counter.simulator.transactions import Orders, Terms

__all__ = ["Fault", "FaultPlan", "GatewaySimulator", "Orders", "Terms", "run_simulator"]
