"""Tables on the terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table


def show(table: Table) -> None:
    """Print a table to stdout.

    Rich only renders it: where the reader has gone, Rich itself would end the process with the code of a bug.

    Raises:
        BrokenPipeError: The reader has gone.
    """
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(table)
    print(captured.get(), end="", flush=True)
