"""`python -m pipeline` is `scenefill`."""

from pipeline.cli import main

main()
