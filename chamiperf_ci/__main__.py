"""`python -m chamiperf_ci`, and the console script `chamiperf`."""

from collections.abc import Sequence

from chamiperf_ci.cli import cli, run


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of `chamiperf`."""
    run(cli, arguments, prog_name="chamiperf")


if __name__ == "__main__":
    main()
