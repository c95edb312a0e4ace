"""`python -m pipeline` is `scenefill`."""

import signal
import sys


def main() -> None:
    """The command line; Ctrl-C while it is still loading, or when all is done, is no fault."""
    try:
        from pipeline import cli

        cli.main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


if __name__ == "__main__":
    main()
