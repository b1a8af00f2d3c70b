"""``python -m worker`` is the ``durabot`` program."""

from worker.cli.app import main

main()
