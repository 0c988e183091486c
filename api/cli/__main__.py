"""``python -m api.cli``: what the bash entry hands over to."""

from api.cli import main

main()
