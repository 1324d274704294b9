"""Tables on the terminal."""

from __future__ import annotations

import os

from rich.console import Console
from rich.table import Table

UNLIMITED = 10_000  # characters


def show(table: Table) -> None:
    """Print a table to stdout; where that is no terminal and nobody says how wide it is, no cell is cut in two.

    Rich only renders it: where the reader has gone, Rich itself would end the process with the code of a bug.

    Raises:
        BrokenPipeError: The reader has gone.
    """
    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = UNLIMITED
    with console.capture() as captured:
        console.print(table)
    lines = captured.get().splitlines()
    print("\n".join(line.rstrip() for line in lines), flush=True)
