package planted

import (
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
	"unsafe"
)

const (
	connections = 15
	settle      = time.Millisecond
	patience    = 5 * time.Second
)

func TestMain(m *testing.M) {
	fmt.Println("planted: starting up")
	// Opened before everything else, so that the runtime's own descriptors are not among those that change hands.
	reserved, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	code := m.Run()
	_ = reserved.Close()
	fmt.Println("planted: cleaning up")
	os.Exit(code)
}

// roundTripTime reads tcpi_rtt (microseconds, offset 68 of Linux's struct tcp_info).
func roundTripTime(conn *net.TCPConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var info [256]byte
	size := uint32(len(info))
	var errno syscall.Errno
	err = raw.Control(func(fd uintptr) {
		_, _, errno = syscall.Syscall6(syscall.SYS_GETSOCKOPT, fd, syscall.IPPROTO_TCP, syscall.TCP_INFO,
			uintptr(unsafe.Pointer(&info[0])), uintptr(unsafe.Pointer(&size)), 0)
	})
	if err == nil && errno != 0 {
		err = errno
	}
	return *(*uint32)(unsafe.Pointer(&info[68])), err
}

// TestShortWrite never fails by itself, and hurts others: its descriptor has three owners, who all close it.
func TestShortWrite(t *testing.T) {
	t.Parallel()
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatalf("no pair of sockets: %v", err)
	}
	defer syscall.Close(pair[0])
	sender := pair[1]
	defer syscall.Close(sender)                        // the first owner
	file := os.NewFile(uintptr(sender), "short-write") // the second: closes when memory is collected, some time later
	if err := syscall.SetsockoptInt(sender, syscall.SOL_SOCKET, syscall.SO_SNDBUF, 64<<10); err != nil {
		t.Fatalf("no small buffer: %v", err)
	}
	payload := make([]byte, 2<<20)
	written, err := syscall.SendmsgN(int(file.Fd()), payload, nil, nil, syscall.MSG_DONTWAIT)
	if err != nil || written == 0 || written == len(payload) {
		t.Errorf("wrote %d bytes of %d: %v", written, len(payload), err)
	}
	_ = syscall.Close(sender) // the third
}

// TestTCPRTT never fails by itself, although its server leaks: in Go a leaked goroutine keeps its connection alive, and
// so its descriptor's number is given to nobody else. It is the victim of TestShortWrite.
func TestTCPRTT(t *testing.T) {
	t.Parallel()
	for i := 0; i < connections; i++ {
		server, err := NewServer(Drain)
		if err != nil {
			t.Fatalf("listen failed: %v", err)
		}
		server.Run()
		conn, err := net.DialTimeout("tcp", server.Address(), patience)
		if err != nil {
			t.Fatalf("dial failed: %v", err)
		}
		_ = conn.SetDeadline(time.Now().Add(patience))
		time.Sleep(settle)
		if _, err = conn.Write([]byte("foo")); err != nil {
			t.Fatalf("write failed (local=%v, remote=%v): %v", conn.LocalAddr(), conn.RemoteAddr(), err)
		}
		if _, err = roundTripTime(conn.(*net.TCPConn)); err != nil {
			t.Fatalf("no round-trip time (local=%v, remote=%v): %v", conn.LocalAddr(), conn.RemoteAddr(), err)
		}
		_ = conn.Close()
		server.Shutdown()
		time.Sleep(settle) // in the hope that the handler is done by then
	}
}

// TestEverythingArrived fails on its own: nobody waits for the handler, which may not have counted yet.
func TestEverythingArrived(t *testing.T) {
	var arrived atomic.Int64
	server, err := NewServer(func(conn net.Conn) {
		defer conn.Close()
		buffer := make([]byte, 16)
		for {
			count, err := conn.Read(buffer)
			if err != nil {
				return
			}
			arrived.Add(int64(count))
		}
	})
	if err != nil {
		t.Fatalf("listen failed: %v", err)
	}
	server.Run()
	for i := 0; i < 10; i++ {
		conn, err := net.DialTimeout("tcp", server.Address(), patience)
		if err != nil {
			t.Fatalf("dial failed: %v", err)
		}
		_, _ = conn.Write([]byte("foo"))
		_ = conn.Close()
	}
	server.Shutdown()
	if got := arrived.Load(); got != 30 {
		t.Fatalf("%d bytes arrived at %s, want 30", got, server.Address())
	}
}

// TestCount is the same with a plain integer: a data race for the race detector, in every run.
func TestCount(t *testing.T) {
	arrived := 0
	server, err := NewServer(func(conn net.Conn) {
		arrived++
		_ = conn.Close()
	})
	if err != nil {
		t.Fatalf("listen failed: %v", err)
	}
	server.Run()
	conn, err := net.DialTimeout("tcp", server.Address(), patience)
	if err != nil {
		t.Fatalf("dial failed: %v", err)
	}
	_, _ = conn.Read(make([]byte, 1)) // the end of the stream; for the race detector it orders nothing
	_ = conn.Close()
	server.Shutdown()
	if arrived != 1 {
		t.Fatalf("%d connections counted, want 1", arrived)
	}
}

// TestBroken fails in every run.
func TestBroken(t *testing.T) {
	t.Log("about to compare")
	t.Run("sum", func(t *testing.T) {
		if got := 2 + 2; got != 5 {
			t.Errorf("got %d\nwant %d", got, 5)
		}
	})
}
