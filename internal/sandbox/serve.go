package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Handler serves the sandbox over HTTP, by the Host of each request.
func (s *Sandbox) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := s.answer(r)
		if errors.Is(err, errNoSuchHost) {
			http.Error(w, "sandbox: no such host: "+r.Host, http.StatusMisdirectedRequest)
			return
		}
		if err != nil {
			http.Error(w, "sandbox: "+err.Error(), http.StatusInternalServerError)
			return
		}
		a.send(w, r)
	})
}

// send writes an answer, or breaks the connection as its fault says.
func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	switch a.action {
	case FaultHang:
		<-r.Context().Done()
		reset(w)
		return
	case FaultResetBefore, FaultResetAfter:
		reset(w)
		return
	}
	maps.Copy(w.Header(), a.header)
	body := a.body
	if a.body != nil {
		w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	}
	if a.action == FaultTruncate {
		body = a.body[:len(a.body)/2] // net/http closes a connection whose answer is short
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(body) // a caller that went away is nobody's error
}

// reset ends a connection with a TCP reset, as a proxy that dies does.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // without it the connection ends in order; it is closed either way
	}
	_ = conn.Close()
}

// ServeOptions say where to listen: nothing is a free port of 127.0.0.1 for each host, one address
// is that one for all hosts (the workspaces are then one), and as many as HostList has are its
// hosts' in that order. Only loopback addresses are served.
type ServeOptions struct{ Listen []string }

// Served is one configured host and where it is served.
type Served struct {
	Host string `json:"host"`
	URL  string `json:"url"`
}

// Server is a sandbox on loopback ports.
type Server struct {
	Addresses []Served
	servers   []*http.Server
	stop      context.CancelFunc
	done      chan error
}

// Serve listens until ctx is over. Wait, or Close, must be called.
func (s *Sandbox) Serve(ctx context.Context, o ServeOptions) (*Server, error) {
	hosts := s.HostList()
	addresses := o.Listen
	if len(addresses) == 0 {
		addresses = slices.Repeat([]string{"127.0.0.1:0"}, len(hosts))
	}
	if len(addresses) != 1 && len(addresses) != len(hosts) {
		return nil, fmt.Errorf("serving the sandbox: %d addresses for %d hosts; give one for all, or one each for %v", len(addresses), len(hosts), hosts)
	}
	ctx, stop := context.WithCancel(ctx)
	sv := &Server{stop: stop, done: make(chan error, len(addresses)+1)}
	for i, address := range addresses {
		served := hosts
		if len(addresses) > 1 {
			served = hosts[i : i+1]
		}
		if err := s.listen(ctx, sv, address, served); err != nil {
			return nil, errors.Join(err, sv.Close())
		}
	}
	return sv, nil
}

func (s *Sandbox) listen(ctx context.Context, sv *Server, address string, hosts []string) error {
	if err := loopback(address); err != nil {
		return fmt.Errorf("serving the sandbox: %w", err)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("serving the sandbox: %w", err)
	}
	name := l.Addr().String()
	s.mu.Lock()
	for _, host := range hosts {
		sv.Addresses = append(sv.Addresses, Served{Host: host, URL: "http://" + name})
		if u, err := url.Parse(host); err == nil && u.Host != name {
			s.aliases[name] = append(s.aliases[name], u.Host)
		}
	}
	s.mu.Unlock()
	h := &http.Server{
		Handler: s.withControl(), ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	sv.servers = append(sv.servers, h)
	go func() { sv.done <- h.Serve(l) }()
	return nil
}

func loopback(address string) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return fmt.Errorf("address %q: %w", address, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return fmt.Errorf("address %q is not on loopback", address)
	}
	return nil
}

// Wait returns when ctx is over or a listener broke, with everything shut.
func (sv *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return sv.Close()
	case err := <-sv.done:
		sv.done <- http.ErrServerClosed // Close waits for one from each
		return errors.Join(err, sv.Close())
	}
}

// Close ends every connection and returns when no listener runs any more.
func (sv *Server) Close() error {
	sv.stop()
	var errs []error
	for _, h := range sv.servers {
		errs = append(errs, h.Close())
	}
	for range sv.servers {
		if err := <-sv.done; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	sv.servers = nil
	return errors.Join(errs...)
}

// withControl adds the sandbox's own operations, which only a served sandbox has: tools in other
// processes set faults and read the log through them.
func (s *Sandbox) withControl() http.Handler {
	mux, services := s.controls(), s.Handler()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		own := strings.HasPrefix(r.URL.Path, "/_sandbox/") && !strings.HasPrefix(r.URL.Path, "/_sandbox/oidc/")
		// A page in a browser can make a name of its own resolve to this address.
		if own && loopback(r.Host) == nil {
			mux.ServeHTTP(w, r)
			return
		}
		services.ServeHTTP(w, r)
	})
}

func (s *Sandbox) controls() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /_sandbox/requests", func(w http.ResponseWriter, _ *http.Request) { control(w, s.Log(), nil) })
	mux.HandleFunc("GET /_sandbox/state", func(w http.ResponseWriter, _ *http.Request) { control(w, s.Describe(), nil) })
	mux.HandleFunc("DELETE /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) { control(w, struct{}{}, s.ClearFaults()) })
	mux.HandleFunc("POST /_sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		var faults []Fault
		err := readControl(w, r, &faults)
		if err == nil {
			err = s.Inject(faults...)
		}
		control(w, struct{}{}, err)
	})
	mux.HandleFunc("POST /_sandbox/do", func(w http.ResponseWriter, r *http.Request) {
		var deed Deed
		err := readControl(w, r, &deed)
		done := ""
		if err == nil {
			done, err = s.Do(r.Context(), deed)
		}
		control(w, map[string]string{"done": done}, err)
	})
	mux.HandleFunc("POST /_sandbox/clock", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Advance string `json:"advance"`
		}
		err := readControl(w, r, &body)
		if err == nil {
			err = s.advanceBy(body.Advance)
		}
		control(w, struct{}{}, err)
	})
	return mux
}

func (s *Sandbox) advanceBy(text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return fmt.Errorf("advancing the sandbox's clock: %w", err)
	}
	return s.Advance(d)
}

func readControl(w http.ResponseWriter, r *http.Request, v any) error {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	return d.Decode(v)
}

func control(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		v = map[string]string{"message": err.Error()}
	}
	_ = json.NewEncoder(w).Encode(v) // a caller that went away is nobody's error
}
