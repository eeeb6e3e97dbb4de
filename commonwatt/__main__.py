"""``python -m commonwatt`` is the command line."""

from commonwatt.cli import main

main()
