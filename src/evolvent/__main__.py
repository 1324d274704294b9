"""`python -m evolvent` is the command `evolvent`."""

from evolvent.cli.main import main

main()
