"""One question each: dialogs that are opened with ``CounterApp.ask`` and answer with a value, or ``None`` for Esc."""
