"""Strace's lines become calls: real ones, ones cut in two, and ones that are not understood."""

from flakeproof.features.fdtrace.calls import SystemCall
from flakeproof.features.fdtrace.frames import Frame, parse_frame
from flakeproof.features.fdtrace.record import Begun, ProcessEnded, Superseded, read

_GO = """\
4041  <... close resumed>)              = -1 EBADF (Bad file descriptor)
 > /tmp/go/planted.test(internal/runtime/syscall/linux.Syscall6+0xe) [0x9a2e]
 > /tmp/go/planted.test(syscall.Close+0x25) [0x9c265]
 > /tmp/go/planted.test(flakeproof/planted.TestShortWrite.deferwrap2+0x17) [0x16af57]
 > /tmp/go/planted.test(flakeproof/planted.TestShortWrite+0x2f7) [0x16aef7]
 > /tmp/go/planted.test(testing.tRunner+0xea) [0xf638a]
 > /tmp/go/planted.test(testing.(*T).Run.gowrap1+0x1b) [0xf751b]
"""


def calls(text: str) -> list[SystemCall]:
    """The calls that have returned."""
    return [event for event in read(text.splitlines()) if isinstance(event, SystemCall)]


def one(line: str) -> SystemCall:
    """The call in a line."""
    (call,) = calls(line)
    return call


def test_a_call_that_others_have_cut_in_two_is_one() -> None:
    """Its start is known at once, its result and stack when it has returned."""
    begun, other, whole = read(("4041  close(7 <unfinished ...>\n4039  dup(3</a>) = 9</a>\n" + _GO).splitlines())

    assert isinstance(begun, Begun)
    assert isinstance(whole, SystemCall)
    assert begun.call is whole
    assert isinstance(other, SystemCall)
    assert (whole.number, whole.error, whole.started, whole.ended) == (7, "EBADF", 1, 3)
    assert len(whole.stack.frames) == 6
    assert other.stack.frames == ()


def test_own_functions_are_told_from_go_s() -> None:
    """Closures belong to the function that they stand in."""
    stack = calls("4041  close(7 <unfinished ...>\n" + _GO)[0].stack

    assert stack.innermost == "flakeproof/planted.TestShortWrite"
    assert {"flakeproof/planted.TestShortWrite"} == stack.owners
    assert stack.own[0].offset == 0x16AF57


def test_frames_of_all_kinds() -> None:
    """With names in parentheses, without a name, and what is no frame at all."""
    assert Frame("/b", "testing.(*T).Run.gowrap1", 0xF751B) == parse_frame(
        " > /b(testing.(*T).Run.gowrap1+0x1b) [0xf751b]"
    )
    assert Frame("/usr/bin/x", "", 0x12) == parse_frame(" > /usr/bin/x() [0x12]")
    assert parse_frame(" > unexpected_backtracing_error [0x7f]").function == ""
    assert not parse_frame(" > /usr/lib/x86_64-linux-gnu/libc.so.6(__close+0x10) [0xf89f0]").is_own
    assert parse_frame(" > /usr/bin/bash(move_to_high_fd+0xf7) [0x3f4c7]").is_own


def test_owners_of_rust_and_c() -> None:
    """Hashes, clones and closures are left out; standard libraries are nobody's own."""
    owner = {
        "races::work::{{closure}}": "races::work",
        "_ZN5races4work17h0123456789abcdefE": "_ZN5races4work17h0123456789abcdefE",
        "races::work::h0123456789abcdef": "races::work",
        "twice.part.0": "twice",
        "main.(*Pool).Run.func1.2": "main.(*Pool).Run",
        "main.(*Pool).Close-fm": "main.(*Pool).Close",
    }
    assert owner == {name: Frame("/b", name, 1).owner for name in owner}
    for name in ("<std::os::fd::owned::OwnedFd as core::ops::Drop>::drop", "std::sys::fs::unix::File::open", "_start"):
        assert not Frame("/b", name, 1).is_own
    for name in ("net/http.(*conn).serve", "net.(*netFD).Close", "runtime.main", "type:.eq.main.T"):
        assert not Frame("/b", name, 1).is_own, name
    for name in ("networks.Dial", "main.main", "github.com/net.Dial", "mytime.Now"):
        assert Frame("/b", name, 1).is_own, name


def test_what_calls_open() -> None:
    """Each call has its own way to say so."""
    opened = {
        "1  pipe2([5<pipe:[164]>, 6<pipe:[164]>], O_CLOEXEC) = 0": [(5, "pipe:[164]"), (6, "pipe:[164]")],
        "1  socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [4<UNIX-STREAM:[8->9]>, 7<UNIX-STREAM:[9->8]>]) = 0": [
            (4, "UNIX-STREAM:[8->9]"),
            (7, "UNIX-STREAM:[9->8]"),
        ],
        '1  openat(AT_FDCWD</tmp>, "/x y(", O_RDONLY) = 3</x y(>': [(3, "/x y(")],
        '1  memfd_create("x", MFD_CLOEXEC) = 9</memfd:x>(deleted)': [(9, "/memfd:x")],
        "1  accept4(8<TCP:[127.0.0.1:1]>, NULL, NULL, 0) = 10<TCP:[127.0.0.1:1->127.0.0.1:2]>": [
            (10, "TCP:[127.0.0.1:1->127.0.0.1:2]")
        ],
        "1  fcntl(3</x>, F_DUPFD_CLOEXEC, 10) = 10</x>": [(10, "/x")],
        "1  fcntl(3</x>, F_GETFD) = 0": [],
        "1  dup2(3</x>, 255) = 255</x>": [(255, "/x")],
        '1  openat(AT_FDCWD</tmp>, "/no", O_RDONLY) = -1 ENOENT (No such file or directory)': [],
        '1  recvmsg(4<UNIX-STREAM:[9->8]>, {msg_name=NULL, msg_namelen=0, msg_iov=[{iov_base="x", iov_len=10}], '
        "msg_iovlen=1, msg_control=[{cmsg_len=24, cmsg_level=SOL_SOCKET, cmsg_type=SCM_RIGHTS, "
        "cmsg_data=[7<pipe:[164]>, 8</a[b]>]}], msg_controllen=32, msg_flags=0}, 0) = 1": [
            (7, "pipe:[164]"),
            (8, "/a[b]"),
        ],
        "1  clone(child_stack=NULL, flags=CLONE_VM|CLONE_PIDFD|CLONE_VFORK|SIGCHLD, parent_tid=[7]) = 99": [
            (7, "a process")
        ],
        "1  clone3({flags=CLONE_VM|CLONE_FILES} => {parent_tid=[1189]}, 88) = 1189": [],
    }
    assert opened == {line: one(line).opened() for line in opened}


def test_a_file_may_be_called_like_a_flag() -> None:
    """Flags are read in what follows the name."""
    assert not one("1  fcntl(3</F_DUPFD_CLOEXEC>, F_GETFD) = 0").duplicates
    assert one("1  dup3(3</x>, 5, O_CLOEXEC) = 5</x>").closes_on_exec


def test_what_is_no_call_is_left_out() -> None:
    """Signals, ends without a result, a line that is cut off, and a return without a start."""
    lines = [
        "1  --- SIGCHLD {si_signo=SIGCHLD} ---",
        "1  exit_group(0)                     = ?",
        "1  read(3</x>, 0x7f, 10)             = ? ERESTARTSYS (To be restarted if SA_RESTART is set)",
        "2  <... close resumed>)              = 0",
        "strace: something",
        "",
        "1  +++ killed by SIGKILL (core dumped) +++",
        "3  +++ exited with 7 +++",
        "4  +++ superseded by execve in pid 5 +++",
        "1  close(3</x",
    ]
    assert [ProcessEnded(1, None, "SIGKILL"), ProcessEnded(3, 7, ""), Superseded(4, 5)] == list(read(lines))
