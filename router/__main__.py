"""The command's entry: light, so that an interrupt while the rest is imported ends like any other."""

import sys


def main() -> None:
    """Run the command; 130 where it is interrupted."""
    try:
        from router.cli import app

        app.main()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
