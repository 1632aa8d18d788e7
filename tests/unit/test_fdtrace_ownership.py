"""Who mishandles a descriptor, from records made by hand: and what is normal is no finding."""

from collections.abc import Iterable

import pytest

from flakeproof.features.fdtrace.ownership import Analysis, Certainty, Deed, Mishandled
from flakeproof.features.fdtrace.record import read

THREAD = "clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD} => {parent_tid=[2]}, 88) = "
FORK = "clone(child_stack=NULL, flags=CLONE_CHILD_SETTID|SIGCHLD) = "
BAD = "-1 EBADF (Bad file descriptor)"


def at(task: int, call: str, *functions: str) -> str:
    """A line of the record with its stack, innermost first."""
    frames = "".join(f"\n > /usr/bin/program({function}+0x1) [{hash(function) % 4096:#x}]" for function in functions)
    return f"{task}  {call}{frames}"


def opens(task: int, number: int, *functions: str, flags: str = "O_RDONLY") -> str:
    """A file is opened."""
    return at(task, f'openat(AT_FDCWD</>, "/f{number}", {flags}) = {number}</f{number}>', *functions)


def closes(task: int, number: int, *functions: str, result: str = "0") -> str:
    """A close."""
    name = f"</f{number}>" if result == "0" else ""
    return at(task, f"close({number}{name}) = {result}", *functions)


def found(lines: Iterable[str], program: str = "/usr/bin/program") -> list[Mishandled]:
    """What comes out of a record whose program starts first."""
    analysis = Analysis()
    analysis.add(read("\n".join([f'1  execve("{program}", ["p"], 0x7ff /* 3 vars */) = 0', *lines]).splitlines()))
    return analysis.mishandled()


def deeds(lines: Iterable[str]) -> list[list[Deed]]:
    """What was done to each mishandled descriptor."""
    return [[mistake.deed for mistake in one.mistakes] for one in found(lines)]


def test_a_double_close_names_three_calls() -> None:
    """Opened, closed, closed again."""
    (one,) = found([opens(1, 3, "a", "main"), closes(1, 3, "b", "main"), closes(1, 3, "c", "main", result=BAD)])

    (mistake,) = one.mistakes
    assert (mistake.deed, mistake.certainty) == (Deed.DOUBLE, Certainty.CERTAIN)
    assert one.life.opener is not None
    assert one.life.closer is not None
    assert tuple(call.stack.innermost for call in (one.life.opener, one.life.closer, mistake.call)) == ("a", "b", "c")


def test_a_use_after_close() -> None:
    """EBADF to a read; writing what was opened for reading is EBADF, too, and something else."""
    lines = [opens(1, 3, "a"), closes(1, 3, "a"), at(1, f"read(3, 0x7f, 1) = {BAD}", "a")]
    assert deeds(lines) == [[Deed.USE]]
    assert deeds([opens(1, 3, "a"), at(1, f'write(3</f3>, "x", 1) = {BAD}', "a")]) == []


@pytest.mark.parametrize("call", ["fcntl(3, F_GETFD)", "fcntl(3, F_GETFL)", "dup2(3, 1)", "close(77)"])
def test_asking_whether_a_number_is_open_is_no_use(call: str) -> None:
    """Nor is closing a number that never was open."""
    assert deeds([opens(1, 3, "a"), closes(1, 3, "a"), at(1, f"{call} = {BAD}", "a")]) == []


def test_a_stranger_s_close_names_both_sides() -> None:
    """The victim's own trouble makes it certain, and belongs to that finding instead of being another one."""
    lines = [
        at(1, THREAD + "2", "main"),
        opens(1, 3, "culprit", "main"),
        closes(1, 3, "culprit", "main"),
        opens(2, 3, "victim", "start_thread"),
        closes(1, 3, "late", "culprit", "main"),
        at(2, f"read(3, 0x7f, 1) = {BAD}", "victim", "start_thread"),
        closes(2, 3, "victim", "start_thread", result=BAD),
    ]
    (one,) = found(lines)

    (mistake,) = one.mistakes
    assert (mistake.deed, mistake.certainty) == (Deed.STRANGER, Certainty.CERTAIN)
    assert mistake.victim is not None
    assert mistake.victim.opener is not None
    assert mistake.victim.opener.stack.innermost == "victim"
    assert [call.name for call in mistake.noticed] == ["read", "close"]


def test_a_stranger_s_close_that_nobody_notices_is_likely() -> None:
    """There is the function alone to go by: it had opened one of that number, and has no part in this one."""
    lines = [
        at(1, THREAD + "2", "main"),
        opens(1, 3, "culprit", "main"),
        closes(1, 3, "early", "culprit", "main"),
        opens(2, 3, "victim", "start_thread"),
        closes(1, 3, "culprit", "main"),
    ]
    (one,) = found(lines)
    assert [(made.deed, made.certainty) for made in one.mistakes] == [(Deed.STRANGER, Certainty.LIKELY)]


def test_where_uses_are_not_recorded_nobody_is_suspected() -> None:
    """Who closes may have worked with it; what the kernel refuses is still a mistake."""
    suspected = [
        at(1, THREAD + "2", "main"),
        *(opens(1, 3, "culprit", "main"), closes(1, 3, "early", "culprit", "main")),
        *(opens(2, 3, "victim", "start_thread"), closes(1, 3, "culprit", "main")),
    ]
    for lines, count in ((suspected, 0), ([*suspected, closes(2, 3, "victim", "start_thread", result=BAD)], 1)):
        analysis = Analysis(sees_uses=False)
        analysis.add(read("\n".join(lines).splitlines()))
        assert len(analysis.mishandled()) == count


def test_handing_over_is_normal() -> None:
    """One opens, another works with it and closes it; also where that one has had files of its own."""
    handed = [
        at(1, THREAD + "2", "main"),
        opens(2, 4, "worker", "start_thread"),
        closes(2, 4, "worker", "start_thread"),
        opens(1, 4, "acceptor", "main"),
        at(2, 'write(4</f4>, "x", 1) = 1', "worker", "start_thread"),
        closes(2, 4, "closes_it", "worker", "start_thread"),
        opens(1, 4, "acceptor", "main"),
        closes(2, 4, "janitor", "start_thread"),
    ]
    assert deeds(handed) == []


def test_what_is_tracked_and_closed_at_shutdown_is_normal() -> None:
    """A server closes what its background work has accepted, for a test that has dialled before."""
    lines = [
        opens(1, 5, "dial", "TestX"),
        closes(1, 5, "dial", "TestX"),
        opens(1, 5, "Serve"),
        closes(1, 5, "Shutdown", "TestX"),
    ]
    assert deeds(lines) == []


def test_a_net_connection_is_closed_by_the_net_package_alone() -> None:
    """Go's net owns its descriptors: a bare close of one is somebody else's, for certain."""
    made = ("syscall.Socket", "net.sysSocket", "net.DialTimeout", "p.TestVictim", "runtime.goexit.abi0")
    proper = ("syscall.Close", "internal/poll.(*FD).destroy", "net.(*netFD).Close", "p.TestVictim")
    socket = "socket(AF_INET, SOCK_STREAM, 0) = 7<TCP:[5]>"
    before = [opens(1, 7, "p.TestCulprit"), closes(1, 7, "p.TestCulprit"), at(1, socket, *made)]

    assert deeds([*before, closes(1, 7, *proper)]) == []
    (one,) = found([*before, closes(1, 7, "syscall.Close", "p.TestCulprit.deferwrap1", "p.TestCulprit")])
    assert [(made.deed, made.certainty) for made in one.mistakes] == [(Deed.STRANGER, Certainty.CERTAIN)]
    (own,) = found([at(1, socket, *made), closes(1, 7, "syscall.Close", "p.TestVictim")])
    assert [made.deed for made in own.mistakes] == [Deed.PAST_OWNER]


def test_a_file_object_around_a_number_is_an_owner() -> None:
    """Its finaliser closes the number once more, whoever has it by then."""
    finaliser = ("syscall.Close", "internal/poll.(*FD).destroy", "os.(*file).close", "runtime.runFinalizers")
    pair = "socketpair(AF_UNIX, SOCK_STREAM, 0, [4<UNIX-STREAM:[8->9]>, 7<UNIX-STREAM:[9->8]>]) = 0"
    lines = [
        at(1, pair, "syscall.Socketpair", "p.TestShortWrite"),
        at(1, "fcntl(7<UNIX-STREAM:[9->8]>, F_GETFL) = 0x2", "os.newFileFromNewFile", "p.TestShortWrite"),
        closes(1, 7, "syscall.Close", "p.TestShortWrite"),
        at(1, "socket(AF_INET, SOCK_STREAM, 0) = 7<TCP:[5]>", "net.sysSocket", "p.TestVictim"),
        closes(1, 7, *finaliser),
        at(1, f"connect(7, 0x7f, 16) = {BAD}", "net.(*netFD).connect", "p.TestVictim"),
    ]
    (one,) = found(lines)
    assert [made.deed for made in one.mistakes] == [Deed.PAST_OWNER, Deed.STRANGER]
    assert [call.name for call in one.mistakes[1].noticed] == ["connect"]
    assert deeds([*lines[:2], closes(1, 7, *finaliser)]) == []


def test_a_stream_is_closed_by_fclose() -> None:
    """The bare close of its number leaves the stream with a number that is not its own any more."""
    opened = opens(1, 3, "__open64", "_IO_file_open", "_IO_file_fopen", "fopen", "main")
    assert deeds([opened, closes(1, 3, "__close_nocancel", "_IO_file_close_it", "fclose", "main")]) == []
    assert deeds([opened, closes(1, 3, "close", "main")]) == [[Deed.PAST_OWNER]]


def test_a_sweep_before_exec_is_normal() -> None:
    """Closing all numbers there may be: some were open once, some never were."""
    once = [line for number in range(3, 8) for line in (opens(1, number, "a"), closes(1, number, "a"))]
    sweep = [closes(1, number, "closefrom", "main", result=BAD) for number in range(3, 40)]
    assert deeds([*once, *sweep]) == []
    assert deeds([*once, *reversed(sweep)]) == []
    # Closing twice what was open, number by number, is none.
    assert len(deeds([*once, *sweep[:5]])) == 5


def test_a_child_has_a_table_of_its_own() -> None:
    """Both close their copies once; a second time is a mistake, of that process."""
    lines = [
        opens(1, 3, "a"),
        at(1, FORK + "9", "main"),
        closes(9, 3, "child"),
        closes(1, 3, "a"),
    ]
    assert deeds(lines) == []
    (one,) = found([*lines, closes(9, 3, "child", result=BAD)])
    assert one.table.process == 9
    # What the parent has closed before was never the child's.
    assert deeds([opens(1, 3, "a"), closes(1, 3, "a"), at(1, FORK + "9"), closes(9, 3, "b", result=BAD)]) == []


@pytest.mark.parametrize(
    ("birth", "result"),
    [
        ("vfork(", ")"),
        ("clone(child_stack=NULL, flags=CLONE_VM|CLONE_VFORK|SIGCHLD", ")"),
        ("clone3({flags=CLONE_VM|CLONE_VFORK, exit_signal=SIGCHLD}, 88", ")"),
    ],
)
def test_a_child_may_be_heard_of_before_its_birth_returns(birth: str, result: str) -> None:
    """With vfork always: it has replaced the program, or ended, by then."""
    lines = [
        opens(1, 3, "a"),
        f"1  {birth} <unfinished ...>",
        closes(9, 3, "child"),
        f"1  <... {birth.partition('(')[0]} resumed>{result} = 9",
        closes(1, 3, "a"),
    ]
    assert deeds(lines) == []


def test_threads_heard_of_early_share_the_table() -> None:
    """Closed in one, closed again in the other."""
    lines = [
        opens(1, 3, "a"),
        "1  clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD} <unfinished ...>",
        closes(2, 3, "b"),
        "1  <... clone3 resumed> => {parent_tid=[2]}, 88) = 2",
        closes(1, 3, "a", result=BAD),
    ]
    assert deeds(lines) == [[Deed.DOUBLE]]


def test_exec_closes_what_is_marked_and_forgets_what_was() -> None:
    """The new program has had none of the numbers that the old one had closed."""
    lines = [
        opens(1, 3, "a", flags="O_RDONLY|O_CLOEXEC"),
        opens(1, 4, "a"),
        at(1, "fcntl(4</f4>, F_SETFD, FD_CLOEXEC) = 0", "a"),
        opens(1, 5, "a"),
        closes(1, 5, "a"),
        '1  execve("/bin/other", ["other"], 0x7ff /* 3 vars */) = 0',
        *(closes(1, number, "main", result=BAD) for number in (5, 3, 4)),
    ]
    assert deeds(lines) == []


def test_a_thread_that_replaces_the_program_goes_on_as_the_process() -> None:
    """`superseded by execve`: the call returns under another number than it was made."""
    lines = [
        at(1, THREAD + "2"),
        opens(1, 3, "a", flags="O_RDONLY|O_CLOEXEC"),
        '2  execve("/bin/other", ["other"], 0x7ff /* 3 vars */ <unfinished ...>',
        "1  +++ superseded by execve in pid 2 +++",
        "1  <... execve resumed>)             = 0",
        closes(1, 3, "main", result=BAD),
        opens(1, 3, "main"),
        closes(1, 3, "main"),
        closes(1, 3, "main", result=BAD),
    ]
    assert deeds(lines) == [[Deed.DOUBLE]]
    assert [one.program for one in found(lines)] == ["/bin/other"]


def test_dup2_ends_one_life_and_begins_another() -> None:
    """Whoever closes the number then closes the copy."""
    lines = [
        opens(1, 3, "a"),
        opens(1, 4, "b"),
        at(1, "dup2(3</f3>, 4</f4>) = 4</f3>", "main"),
        at(1, "dup2(4</f3>, 4</f3>) = 4</f3>", "main"),
        closes(1, 4, "b"),
        closes(1, 3, "a"),
    ]
    assert deeds(lines) == []
    assert deeds([*lines, closes(1, 4, "b", result=BAD)]) == [[Deed.DOUBLE]]


def test_close_range_closes_a_range() -> None:
    """Closing one of them again is a double close; marking them is none."""
    lines = [opens(1, 3, "a"), opens(1, 4, "a"), opens(1, 5, "a")]
    again = [closes(1, 4, "a", result=BAD)]
    assert deeds([*lines, at(1, "close_range(3, 4, 0) = 0", "b"), *again]) == [[Deed.DOUBLE]]
    assert deeds([*lines, at(1, "close_range(3, 4294967295, CLOSE_RANGE_CLOEXEC) = 0", "b"), closes(1, 4, "a")]) == []


def test_a_number_may_be_given_out_before_its_close_is_seen_to_return() -> None:
    """The opening proves that the close has done its work; the new owner's close is no second one."""
    lines = [
        at(1, THREAD + "2", "main"),
        opens(1, 3, "a", "main"),
        "1  close(3</f3> <unfinished ...>",
        opens(2, 3, "b", "start_thread"),
        at(1, "<... close resumed>) = 0", "a", "main"),
        closes(2, 3, "b", "start_thread"),
    ]
    assert deeds(lines) == []
    (one,) = found([*lines, closes(2, 3, "b", "start_thread", result=BAD)])
    assert one.life.opener is not None
    assert one.life.opener.stack.innermost == "b"


def test_of_two_closes_at_once_the_refused_one_is_late() -> None:
    """Although it returns first."""
    lines = [
        at(1, THREAD + "2", "main"),
        opens(1, 3, "a", "main"),
        "1  close(3</f3> <unfinished ...>",
        closes(2, 3, "b", "start_thread", result=BAD),
        at(1, "<... close resumed>) = 0", "a", "main"),
    ]
    (one,) = found(lines)
    assert one.life.closer is not None
    assert (one.life.closer.stack.innermost, [made.call.stack.innermost for made in one.mistakes]) == ("a", ["b"])


def test_a_close_may_hit_what_is_just_being_opened() -> None:
    """It returns before the opening is seen to, and is the stranger's for all that."""
    lines = [
        at(1, THREAD + "2", "main"),
        opens(1, 3, "culprit", "main"),
        closes(1, 3, "culprit", "main"),
        '2  openat(AT_FDCWD</>, "/f3", O_RDONLY <unfinished ...>',
        closes(1, 3, "late", "culprit", "main"),
        at(2, "<... openat resumed>) = 3</f3>", "victim", "start_thread"),
        at(2, f"read(3, 0x7f, 1) = {BAD}", "victim", "start_thread"),
    ]
    (one,) = found(lines)
    assert [(made.deed, made.certainty) for made in one.mistakes] == [(Deed.STRANGER, Certainty.CERTAIN)]


def test_an_interrupted_close_has_closed() -> None:
    """On Linux the number is free then: to try again is to close twice."""
    eintr = "-1 EINTR (Interrupted system call)"
    assert deeds([opens(1, 3, "a"), closes(1, 3, "a", result=eintr), closes(1, 3, "a", result=BAD)]) == [[Deed.DOUBLE]]


def test_what_the_record_does_not_tell_is_no_finding() -> None:
    """Descriptors that were there at the start, and ones that came or went by calls that are not recorded."""
    assert deeds([closes(1, 0, "main"), closes(1, 7, "main"), opens(1, 3, "a"), closes(1, 3, "a", result=BAD)]) == []
    assert deeds([opens(1, 3, "a"), closes(1, 3, "a"), closes(1, 3, "a"), opens(1, 3, "a"), closes(1, 3, "a")]) == []


def test_shells_are_left_out() -> None:
    """They close numbers without looking, and have one thread."""
    lines = [opens(1, 3, "a"), closes(1, 3, "a"), closes(1, 3, "a", result=BAD)]
    assert found(lines, program="/bin/bash") == []
    assert len(found(lines)) == 1


def test_what_is_kept_does_not_grow_with_the_record() -> None:
    """A hundred thousand lives of a number: only the last are remembered."""
    analysis = Analysis()
    lines = (line for _ in range(20_000) for line in (opens(1, 3, "a"), closes(1, 3, "a")))
    analysis.add(read(part for line in lines for part in line.split("\n")))
    assert analysis.tables.calls == 40_000
    assert analysis.mishandled() == []
    (table,) = analysis.tables._tables.values()
    assert len(table.ended[3]) == 8
