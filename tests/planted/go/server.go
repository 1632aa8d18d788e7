// Package planted holds known flakes, each by a real race: nothing here rolls dice.
package planted

import "net"

// Server is the server before its fix: Run accepts in the background, each connection gets a background handler, and
// Shutdown only closes the listener. Nobody waits for accept loop or handlers, nobody tracks connections.
type Server struct {
	listener net.Listener
	handler  func(net.Conn)
}

// NewServer makes a server on a port of the loopback interface that the kernel chooses.
func NewServer(handler func(net.Conn)) (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return &Server{listener: listener, handler: handler}, nil
}

// Address is where it listens.
func (s *Server) Address() string { return s.listener.Addr().String() }

// Run starts to accept, and returns.
func (s *Server) Run() {
	go func() {
		for {
			conn, err := s.listener.Accept()
			if err != nil {
				return
			}
			go s.handler(conn)
		}
	}()
}

// Shutdown closes the listener. What has been accepted goes on.
func (s *Server) Shutdown() { _ = s.listener.Close() }

// Drain reads to the end of the stream, then closes.
func Drain(conn net.Conn) {
	defer conn.Close()
	for {
		buffer := make([]byte, 256<<10) // garbage soon, so that memory is collected now and then
		if _, err := conn.Read(buffer); err != nil {
			return
		}
	}
}
