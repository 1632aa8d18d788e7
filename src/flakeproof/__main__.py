"""The command: `flakeproof` and `python -m flakeproof`."""

import gc

gc.disable()  # nothing that is imported is garbage, and the user waits for it

from flakeproof.cli.app import main  # noqa: E402

gc.enable()

if __name__ == "__main__":
    main()
