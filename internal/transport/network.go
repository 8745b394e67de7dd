package transport

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"syscall"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// ErrRefused is the cause of the error of a request that this program does not send.
var ErrRefused = errors.New("refused before it was sent")

// progress says how far a request got.
type progress string

const (
	unsent    progress = "unsent"
	maybeSent progress = "sent, perhaps"
)

// broken makes an error of a request that got no whole answer.
func (w *wire) broken(req *http.Request, err error, got progress) *Error {
	e := about(req)
	e.Cause = err
	e.unsent = got == unsent || neverConnected(err)
	if e.Message, e.Advice = w.explainProxy(req, e); e.Message == "" {
		e.Message, e.Advice = explain(req, err)
	}
	if !e.unsent && !e.again {
		e.kind = resource.ErrLost
	}
	return w.cleaned(e)
}

// explain words a failure of the network for people. No wording is one that databricks-sdk-go takes
// as a reason to send a request again (its httpclient/errors.go looks for texts).
func explain(req *http.Request, err error) (message, advice string) {
	const cut = "try again; if it stays so, look at what stands between, a proxy or a VPN"
	host := req.URL.Hostname()
	var noName *net.DNSError
	var plain tls.RecordHeaderError
	switch {
	case errors.Is(err, context.Canceled):
		return "interrupted", ""
	case errors.Is(err, context.DeadlineExceeded):
		return "the time for it was up", ""
	case errors.Is(err, errSlow):
		return "its answer took too long to arrive", cut
	case errors.Is(err, errSilent), timedOut(err):
		return "no answer in time", "is the host reachable from here?"
	case errors.As(err, &noName):
		return "no address is known for the host " + host, "is the host spelled right, and is there a network?"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing accepts connections at " + req.URL.Host, "is the host right, and does the service run?"
	case badCertificate(err):
		return "its certificate does not verify: " + err.Error(), adviceOnCertificate(host, err)
	case errors.As(err, &plain), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"): // net/http has no type for it
		return "it does not speak TLS", "is the port right? http:// is accepted on loopback alone"
	case badHandshake(err):
		return "no encryption could be agreed on: " + err.Error(), "TLS 1.2 or newer is used; is " + host + " the right host, and does a proxy stand in front of it?"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer was complete", cut
	case errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return "the connection was cut", cut
	default:
		return fmt.Sprintf("the connection failed: %v", err), cut
	}
}

func adviceOnCertificate(host string, err error) string {
	var other x509.HostnameError
	var invalid x509.CertificateInvalidError
	switch {
	case errors.As(err, &other):
		return "is " + host + " the right host?"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "is this machine's clock right? if it is, whoever runs " + host + " has to renew it"
	default:
		return "if a proxy or a private authority signs for " + host + ", add its certificate to the machine's (or point SSL_CERT_FILE at it)"
	}
}

func neverConnected(err error) bool {
	var op *net.OpError
	var noName *net.DNSError
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect") || errors.As(err, &noName) || badCertificate(err)
}

func badCertificate(err error) bool {
	var unverified *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &unverified) || errors.As(err, &unknown) || errors.As(err, &other) || errors.As(err, &invalid)
}

// badHandshake reports whether the two ends have no version or cipher of TLS in common. crypto/tls
// has no types for these: what the other end says is a net.OpError of its own.
func badHandshake(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "remote error" || strings.HasPrefix(err.Error(), "tls: ")
}

func timedOut(err error) bool {
	var n net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &n) && n.Timeout()
}

// passing reports whether a failure of the network may be over in a moment. A host that does not
// exist or refuses is more likely wrong, and waiting would only hide that.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return false
	}
	var noName *net.DNSError
	if errors.As(err, &noName) {
		return noName.IsTemporary && !noName.IsNotFound
	}
	return timedOut(err) || !neverConnected(err) && !badCertificate(err) && sudden(err)
}

func sudden(err error) bool {
	for _, known := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, errSilent, errSlow, net.ErrClosed} {
		if errors.Is(err, known) {
			return true
		}
	}
	// net/http has no types for these: a connection that closed under a request, and HTTP/2's own.
	for _, words := range []string{"server closed idle connection", "transport connection broken", "http2: server sent GOAWAY", "stream error"} {
		if strings.Contains(err.Error(), words) {
			return true
		}
	}
	return false
}
