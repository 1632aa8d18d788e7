"""The command: `flakeproof` and `python -m flakeproof`."""

from flakeproof.cli.app import main

if __name__ == "__main__":
    main()
