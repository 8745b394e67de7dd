package faulttest

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// noAnswers are answers that are none: cut off, a login page, empty, of another type, a bomb; and such
// as never come.
func noAnswers(rows []row) []faultCase {
	const page = "<!doctype html><html><title>Sign in</title></html>"
	kinds := map[string]func(*http.Request) (*http.Response, error){
		"cut_off": func(r *http.Request) (*http.Response, error) { return answered(r, 200, `{"id":`), nil },
		"a_login_page": func(r *http.Request) (*http.Response, error) {
			return answered(r, 200, page, "Content-Type", "text/html"), nil
		},
		"empty": func(r *http.Request) (*http.Response, error) { return answered(r, 200, ""), nil },
		"plain_text": func(r *http.Request) (*http.Response, error) {
			return answered(r, 200, "OK", "Content-Type", "text/plain"), nil
		},
		"null": func(r *http.Request) (*http.Response, error) { return answered(r, 200, "null"), nil },
	}
	var list []faultCase
	for n, name := range slices.Sorted(maps.Keys(kinds)) {
		kind := kinds[name]
		for _, r := range reads() {
			c := lookCase("F32", r.name+"/"+name)
			c.arrange = func(w *world) { w.wire.add(&rule{method: "GET", path: r.path, times: -1, do: instance(kind)}) }
			list = append(list, c)
		}
		for i, r := range rows {
			if r.start == fresh && (i+n)%2 == 0 && !strings.Contains(r.path, ".git/") {
				list = append(list, faultCase{class: "F32", name: r.String() + "/" + name, row: r, lies: true, arrange: func(w *world) {
					w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: instance(kind)})
				}})
			}
		}
	}
	for _, r := range reads()[:4] {
		c := lookCase("F32", r.name+"/a_bomb")
		c.codes = []int{1, 4}
		c.arrange = func(w *world) { w.wire.add(&rule{method: "GET", path: r.path, times: -1, do: instance(bomb)}) }
		list = append(list, c)
	}
	return append(list, silence()...)
}

func instance(kind func(*http.Request) (*http.Response, error)) func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
	return func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) { return kind(r) }
}

// bomb is a small answer that unpacks to much more than anybody needs, as the machine's network would
// hand it on: unpacked while it is read.
func bomb(r *http.Request) (*http.Response, error) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	block := bytes.Repeat([]byte(" "), 1<<20)
	for range 200 {
		if _, err := z.Write(block); err != nil {
			return nil, err
		}
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	unpacked, err := gzip.NewReader(&packed)
	if err != nil {
		return nil, err
	}
	resp := answered(r, 200, "")
	resp.Body, resp.ContentLength, resp.Uncompressed = io.NopCloser(unpacked), -1, true
	return resp, nil
}

// silence is an answer that does not come, or not to its end, until the time of the run is over.
func silence() []faultCase {
	stall := func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		if err == nil {
			resp.Body = io.NopCloser(io.MultiReader(io.LimitReader(resp.Body, 5), waiting{r.Context()}))
		}
		return resp, err
	}
	hang := func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	var list []faultCase
	for i, host := range []string{"api.github.com/*", accountHost + "/*", "prod.cloud.databricks.com/*", "staging.cloud.databricks.com/oidc/*"} {
		for name, do := range map[string]func(*http.Request, func() (*http.Response, error)) (*http.Response, error){"no_answer": hang, "half_an_answer": stall} {
			list = append(list, faultCase{class: "F33", name: fmt.Sprintf("read/%s_%d", name, i), start: quiet, codes: []int{1}, says: []string{"[cli/timeout]"},
				arrange: func(w *world) { w.wire.add(&rule{path: host, times: -1, do: do}) },
				act: func(w *world) outcome {
					return w.run(context.Background(), "plan", "--timeout", "100ms")
				}})
		}
		reset := sandbox.Fault{Path: host, Nth: 2, Action: sandbox.FaultResetBefore}
		list = append(list, faultCase{class: "F33", name: fmt.Sprintf("create/an_idle_connection_%d", i), faults: []sandbox.Fault{reset}, codes: []int{0}})
	}
	return list
}

// waiting is a body whose next byte never comes.
type waiting struct{ ctx context.Context }

// Read implements io.Reader.
func (b waiting) Read([]byte) (int, error) {
	<-b.ctx.Done()
	return 0, b.ctx.Err()
}

// networks are certificates, names and proxies that are wrong, as the machine's network tells of them.
func networks() []faultCase {
	certificate := &x509.Certificate{DNSNames: []string{"elsewhere.example"}, NotAfter: time.Unix(0, 0)}
	dial := func(err error) error { return &net.OpError{Op: "dial", Net: "tcp", Err: err} }
	proxied := func(err error) error { return &net.OpError{Op: "proxyconnect", Net: "tcp", Err: err} }
	verify := func(err error) error { return &tls.CertificateVerificationError{Err: err} }
	flaws := []struct {
		class, name string
		err         error
		says        string
	}{
		{"F34", "expired", verify(x509.CertificateInvalidError{Cert: certificate, Reason: x509.Expired}), "certificate"},
		{"F34", "wrong_host", verify(x509.HostnameError{Certificate: certificate, Host: "prod.cloud.databricks.com"}), "certificate"},
		{"F34", "unknown_authority", verify(x509.UnknownAuthorityError{Cert: certificate}), "SSL_CERT_FILE"},
		{"F34", "no_tls", tls.RecordHeaderError{Msg: "first record does not look like a TLS handshake"}, "TLS"},
		{"F34", "an_old_tls", errors.New("tls: server selected unsupported protocol version 301"), "tls"},
		{"F35", "unknown", dial(&net.DNSError{Err: "no such host", Name: "prod.cloud.databricks.com", IsNotFound: true}), "no address is known"},
		{"F35", "server_failure", dial(&net.DNSError{Err: "server misbehaving", Name: "prod.cloud.databricks.com", IsTemporary: true}), "prod.cloud.databricks.com"},
		{"F35", "slow", dial(&net.DNSError{Err: "i/o timeout", Name: "prod.cloud.databricks.com", IsTimeout: true}), "prod.cloud.databricks.com"},
		{"F35", "black_hole", dial(os.ErrDeadlineExceeded), "prod.cloud.databricks.com"},
		{"F35", "refused", dial(os.NewSyscallError("connect", syscall.ECONNREFUSED)), "nothing accepts connections"},
		{"F36", "wants_a_login", proxied(errors.New("Proxy Authentication Required")), "Proxy Authentication Required"},
		{"F36", "is_not_there", proxied(dial(os.NewSyscallError("connect", syscall.ECONNREFUSED))), ""},
		{"F36", "has_no_address", proxied(&net.DNSError{Err: "no such host", Name: "proxy.example", IsNotFound: true}), ""},
	}
	var list []faultCase
	for _, f := range flaws {
		for _, nth := range []int{1, 6} {
			do := func(*http.Request, func() (*http.Response, error)) (*http.Response, error) { return nil, f.err }
			arrange := func(w *world) { w.wire.add(&rule{path: "prod.cloud.databricks.com/*", nth: nth, times: -1, do: do}) }
			list = append(list, faultCase{class: f.class, name: fmt.Sprintf("create/%s_from_%d", f.name, nth), arrange: arrange, codes: []int{1, 4, 6}, says: []string{f.says}})
		}
		c := lookCase(f.class, f.name)
		c.codes, c.says = []int{1, 4}, []string{f.says}
		c.arrange = func(w *world) {
			w.wire.add(&rule{path: "prod.cloud.databricks.com/*", times: -1, do: func(*http.Request, func() (*http.Response, error)) (*http.Response, error) { return nil, f.err }})
		}
		list = append(list, c)
	}
	return list
}

// redirects lead elsewhere: nobody goes there, least of all with a credential.
func redirects() []faultCase {
	var list []faultCase
	for name, to := range map[string]string{
		"another_host": "https://elsewhere.example/api", "a_loop": "", "without_tls": "http://api.github.com/repos/acme/taxi", "a_path": "/login.html",
	} {
		for where, path := range map[string]string{"github": "api.github.com/*", "workspace": "prod.cloud.databricks.com/api/*", "account": accountHost + "/*", "login": "prod.cloud.databricks.com/oidc/*"} {
			for _, s := range []start{fresh, quiet} {
				status := map[start]int{fresh: 307, quiet: 302}[s]
				c := faultCase{class: "F37", name: fmt.Sprintf("%s/%s_to_%s", s, where, name), start: s, codes: []int{1, 4, 6}}
				c.arrange = func(w *world) {
					w.wire.add(&rule{path: path, times: -1, do: func(r *http.Request, _ func() (*http.Response, error)) (*http.Response, error) {
						target := to
						if target == "" {
							target = r.URL.String()
						}
						return answered(r, status, "{}", "Location", target), nil
					}})
				}
				c.after = func(w *world, _ outcome) {
					for url := range strings.SplitSeq(w.wire.asked(), "\n") {
						if strings.Contains(url, "elsewhere.example") || strings.HasPrefix(url, "http://") || strings.HasSuffix(url, "/login.html") {
							w.t.Errorf("the redirect was followed to %s", url)
						}
					}
				}
				list = append(list, c)
			}
		}
	}
	return list
}
