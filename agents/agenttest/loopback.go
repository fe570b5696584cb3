package agenttest

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// headerTime bounds how long an agent may take for the head of a request.
const headerTime = 30 * time.Second

// serve answers on loopback, on a port of its own, until the test ends. It
// returns the address.
func serve(t T, handler http.Handler) (url string) {
	t.Helper()
	ln, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	ok(t, err)
	var connections sync.WaitGroup
	server := &http.Server{
		Handler: noting(t, handler), ReadHeaderTimeout: headerTime,
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				connections.Add(1)
			case http.StateClosed, http.StateHijacked:
				connections.Done()
			default:
			}
		},
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(ln) // ends by Close
	}()
	t.Cleanup(func() {
		// An agent that was killed may leave a stream that waits, so
		// connections are cut, and once more for one that came meanwhile.
		_ = server.Close()
		<-served
		_ = server.Close()
		connections.Wait()
	})
	return "http://" + ln.Addr().String()
}

// noting notes a panic of a handler as the test's fault, and cuts the
// connection.
func noting(t T, handler http.Handler) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch fault := recover(); fault {
			case nil:
			case http.ErrAbortHandler:
				panic(fault)
			default:
				t.Errorf("the scripted model cannot answer: %v", fault)
				panic(http.ErrAbortHandler)
			}
		}()
		handler.ServeHTTP(w, r)
	}
}
