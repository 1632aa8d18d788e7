// Command gopeer runs flakeproof's tcprtt trial in Go, as a yardstick for speed: one goroutine per server and one
// per connection, a wait group, tracked connections, and a shutdown that waits (the server after the fix).
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

const (
	dialTimeout        = time.Second
	connectionDeadline = time.Minute
)

type tcpServer struct {
	listener net.Listener
	handler  func(net.Conn)
	group    sync.WaitGroup
	mutex    sync.Mutex
	closed   bool
	conns    map[net.Conn]struct{}
}

func startServer(handler func(net.Conn)) (*tcpServer, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &tcpServer{listener: listener, handler: handler, conns: map[net.Conn]struct{}{}}
	s.group.Add(1)
	go s.acceptLoop()
	return s, nil
}

func (s *tcpServer) acceptLoop() {
	defer s.group.Done()
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		_ = conn.SetDeadline(time.Now().Add(connectionDeadline))
		s.mutex.Lock()
		if s.closed {
			s.mutex.Unlock()
			_ = conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.group.Add(1)
		s.mutex.Unlock()
		go func() {
			defer s.group.Done()
			s.handler(conn)
			_ = conn.Close()
			s.mutex.Lock()
			delete(s.conns, conn)
			s.mutex.Unlock()
		}()
	}
}

func (s *tcpServer) shutdown() {
	_ = s.listener.Close()
	s.mutex.Lock()
	s.closed = true
	for conn := range s.conns {
		_ = conn.Close()
	}
	s.mutex.Unlock()
	s.group.Wait()
}

func drain(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) }

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
	if err != nil {
		return 0, err
	}
	if errno != 0 {
		return 0, errno
	}
	if size < 72 {
		return 0, errors.New("short tcp_info")
	}
	return *(*uint32)(unsafe.Pointer(&info[68])), nil
}

func trial(settle time.Duration) error {
	server, err := startServer(drain)
	if err != nil {
		return err
	}
	defer server.shutdown()
	conn, err := net.DialTimeout("tcp", server.listener.Addr().String(), dialTimeout)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(connectionDeadline)); err != nil {
		return err
	}
	if settle > 0 {
		time.Sleep(settle)
	}
	if _, err := conn.Write([]byte("foo")); err != nil {
		return fmt.Errorf("write failed (local=%v, remote=%v): %w", conn.LocalAddr(), conn.RemoteAddr(), err)
	}
	rtt, err := roundTripTime(conn.(*net.TCPConn))
	if err != nil {
		return err
	}
	if rtt == 0 {
		return errors.New("no round-trip time")
	}
	return nil
}

func main() {
	count := flag.Int64("count", 10000, "trials")
	workers := flag.Int("workers", 50, "trials at once")
	settle := flag.Duration("settle", 5*time.Millisecond, "wait between dial and write")
	flag.Parse()

	var taken, failed atomic.Int64
	var group sync.WaitGroup
	start := time.Now()
	for i := 0; i < *workers; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for taken.Add(1) <= *count {
				if err := trial(*settle); err != nil {
					if failed.Add(1) <= 3 {
						fmt.Fprintln(os.Stderr, err)
					}
				}
			}
		}()
	}
	group.Wait()
	elapsed := time.Since(start).Seconds()
	fmt.Printf("{\"count\": %d, \"failed\": %d, \"seconds\": %.6f, \"rate\": %.1f}\n",
		*count, failed.Load(), elapsed, float64(*count)/elapsed)
	if failed.Load() > 0 {
		os.Exit(1)
	}
}
