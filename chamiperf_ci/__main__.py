"""`python -m chamiperf_ci`, and the console script `chamiperf`."""

import sys
from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `chamiperf`."""
    try:
        # Imported here, so that Ctrl-C while the libraries are read ends as any other does.
        from chamiperf_ci.cli import cli, run  # noqa: PLC0415 - as above
    except KeyboardInterrupt:
        sys.stderr.write("chamiperf: interrupted before anything was measured (Ctrl-C). Run the command again.\n")
        raise SystemExit(3) from None
    run(cli, arguments, prog_name="chamiperf")


if __name__ == "__main__":
    main()
