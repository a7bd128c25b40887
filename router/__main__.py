"""The command's entry: light, so that Ctrl-C while the rest is imported ends like any other."""

import sys


def main() -> None:
    """Run the command; exit code 130 where it is interrupted."""
    try:
        from router.cli import boundary

        boundary.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
