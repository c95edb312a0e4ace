"""`python -m pipeline` is `scenefill`."""

import signal
import sys
from types import FrameType


def main() -> None:
    """The command line; Ctrl-C while it is still loading, or when all is done, is no fault.

    SIGTERM and SIGHUP are Ctrl-C from the start, unless somebody wants them ignored, as nohup does.
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)
    try:
        from pipeline import cli

        cli.main()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
