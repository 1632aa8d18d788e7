"""Python stacks of a process that hangs or dies."""

import faulthandler
import signal

DUMP_SIGNAL = signal.SIGRTMAX - 3
"""Asks a process of ours for its stacks. Test suites use SIGUSR1 and SIGUSR2; hardly one uses this."""


def prepare() -> None:
    """Write all stacks to stderr on DUMP_SIGNAL and on a fatal signal."""
    faulthandler.enable()
    faulthandler.register(DUMP_SIGNAL, all_threads=True)
