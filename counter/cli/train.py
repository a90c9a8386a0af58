"""The command that starts the terminal application in training."""

from __future__ import annotations

import click

from counter import training


@click.command()
def train() -> None:
    """Start the terminal application in training: to practise on a railway where nothing is sold."""
    from counter.__main__ import application

    training.begin()
    application()
