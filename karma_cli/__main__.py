"""`python -m karma_cli`."""

from karma_cli.main import run

run()
