package kindtest

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// TestANetworkThatGoesWrongOutside holds plans to what they say of hosts that are not there, not
// reachable, or not what they say they are.
func TestANetworkThatGoesWrongOutside(t *testing.T) {
	runAll(t, []mishap{
		{
			name: "a host that does not exist", spec: []string{prodURL, "https://prdo.cloud.databricks.com"},
			address: "catalog/prod", as: readFailed, request: "POST prdo.cloud.databricks.com/oidc/v1/token",
			says: "no address is known for the host prdo.cloud.databricks.com", advice: "is the host spelled right, and is there a network?",
		},
		{
			name: "a GitHub host that does not exist", spec: []string{"https://github.com", "https://localhost:9"},
			address: "repository", as: readFailed, request: "GET localhost:9/api/v3/repos/acme/taxi",
			says: "no address is known for the host localhost", advice: "is the host spelled right, and is there a network?",
		},
		{
			name:    "a host that is no workspace",
			faults:  always("GET prod*/unity-catalog/*", 404, `{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found for 'GET /unity-catalog/catalogs'"}`),
			address: "catalog/prod", as: readFailed, request: apiCatalogs, status: 404, more: "/api/2.1/unity-catalog/",
			says: "No API found for", advice: "is prod.cloud.databricks.com the right host?",
		},
		{
			name:    "a host that is no account",
			faults:  always("GET "+principals, 404, `{"error_code":"ENDPOINT_NOT_FOUND","message":"No API found for 'GET /accounts'"}`),
			address: "service_principal/taxi-prod", as: readFailed, request: "GET " + apiAccount + "/scim/v2/ServicePrincipals", status: 404,
			says: "No API found for", advice: "is accounts.cloud.databricks.com the right host?",
		},
		{
			name: "nobody who accepts a connection", network: detour(refusing),
			address: "catalog/prod", as: readFailed, request: prodToken,
			says: "nothing accepts connections at prod.cloud.databricks.com", advice: "is the host right, and does the service run?",
		},
		{
			name: "a certificate of an authority that nobody knows", network: detour(signedBy(unknownAuthority)),
			address: "catalog/prod", as: readFailed, request: prodToken,
			says: "its certificate does not verify: tls: failed to verify certificate: x509: certificate signed by unknown authority", advice: "add its certificate to the machine's (or point SSL_CERT_FILE at it)",
		},
		{
			name: "a certificate for another name", network: detour(signedBy(anotherName)),
			address: "catalog/prod", as: readFailed, request: prodToken,
			says: "its certificate does not verify: tls: failed to verify certificate: x509: certificate is valid for", advice: "is prod.cloud.databricks.com the right host?",
		},
		{
			name: "a certificate that expired", network: detour(signedBy(expired)),
			address: "catalog/prod", as: readFailed, request: prodToken,
			says: "certificate has expired", advice: "is this machine's clock right?",
		},
		{
			name: "a server that speaks no TLS", network: detour(plainHTTP),
			address: "catalog/prod", as: readFailed, request: prodToken,
			says: "it does not speak TLS", advice: "is the port right?",
		},
	})
}

// detour lets a real server of ours stand where prod.cloud.databricks.com is; everything else stays in
// the sandbox.
func detour(serve func(testing.TB) (address string, trusted *x509.CertPool)) func(testing.TB, http.RoundTripper) http.RoundTripper {
	return func(t testing.TB, rest http.RoundTripper) http.RoundTripper {
		address, trusted := serve(t)
		real := &http.Transport{
			DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
				return (&net.Dialer{}).DialContext(ctx, network, address)
			},
			TLSClientConfig: &tls.Config{RootCAs: trusted, MinVersion: tls.VersionTLS12},
		}
		t.Cleanup(real.CloseIdleConnections)
		return fork{real: real, rest: rest}
	}
}

type fork struct{ real, rest http.RoundTripper }

func (f fork) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host == "prod.cloud.databricks.com" {
		return f.real.RoundTrip(r)
	}
	return f.rest.RoundTrip(r)
}

// refusing is an address at which nobody listens any more.
func refusing(t testing.TB) (string, *x509.CertPool) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() //nolint:errcheck // that nobody listens is what is wanted
	return l.Addr().String(), nil
}

func plainHTTP(t testing.TB) (string, *x509.CertPool) {
	t.Helper()
	s := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	return s.Listener.Addr().String(), nil
}

// flaw is what is wrong with a certificate.
type flaw string

const (
	unknownAuthority flaw = "unknown authority"
	anotherName      flaw = "another name"
	expired          flaw = "expired"
)

// signedBy serves TLS with a certificate that is in order but for one flaw.
func signedBy(f flaw) func(testing.TB) (string, *x509.CertPool) {
	return func(t testing.TB) (string, *x509.CertPool) {
		t.Helper()
		key, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ours"}, DNSNames: []string{"prod.cloud.databricks.com"},
			NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		}
		switch f {
		case anotherName:
			c.DNSNames = []string{"elsewhere.example"}
		case expired:
			c.NotAfter = time.Now().Add(-time.Hour)
		}
		der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewUnstartedServer(http.NotFoundHandler())
		s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
		s.Config.ErrorLog = log.New(io.Discard, "", 0) // a handshake that fails is what is wanted
		s.StartTLS()
		t.Cleanup(s.Close)
		pool := x509.NewCertPool()
		if f != unknownAuthority {
			pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
		}
		return s.Listener.Addr().String(), pool
	}
}
