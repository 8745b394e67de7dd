package databricks

import (
	"net/http"
	"slices"
	"strings"

	"github.com/databricks/databricks-sdk-go/config"
)

// configure returns the SDK's configuration for a host and a credential. Everything is explicit: the
// SDK's own loaders would fill what is empty from the environment, one host's token into another's
// configuration, and then complain that there are two.
func (l Logins) configure(h Host, c *credential) *config.Config {
	login := c.strategy
	if login == nil {
		login = quiet{&config.DefaultCredentials{}}
	}
	return &config.Config{
		Host: h.URL, AccountID: h.AccountID, AuthType: c.auth, Credentials: login,
		Loaders:              []config.Loader{explicit{settings: c.settings}},
		HostMetadataResolver: noMetadata(h),
		HTTPTransport:        &single{next: l.Transport},
		// Limits and retries are the transport's. The SDK knows no way to switch its own off: a rate that
		// is never reached stands for none; and as its first pause is longer than a second, a retry time of
		// one second ends every retrying before it begins (retries/retries.go).
		RateLimitPerSecond:  1_000_000,
		RetryTimeoutSeconds: 1,
		// The transport watches over silence itself, and may wait longer than this where a service asks
		// for patience.
		HTTPTimeoutSeconds: 900,
	}
}

// explicit loads the settings of a profile that the SDK makes sense of, and nothing else.
type explicit struct{ settings map[string]string }

// Name returns what the SDK calls the loader.
func (explicit) Name() string { return "explicit" }

// Configure fills cfg.
func (e explicit) Configure(cfg *config.Config) error {
	return config.ConfigAttributes.ResolveFromStringMapWithSource(cfg, e.settings, config.Source{Type: config.SourceFile})
}

// single stands between the SDK and the transport, and keeps the SDK from three things that no setting
// keeps it from. It sends a POST again, without looking whether it was done, when the text of an error
// has certain words in it, wherever they come from; so the errors that it sees have none of them. And at
// debug level it logs bodies, a new OAuth secret's among them (its list of what to hide has no
// "secret"); but it logs no body that it takes for a stream, so every answer looks like one. And
// it would follow a listing that goes round in a circle for ever.
type single struct {
	next  http.RoundTripper
	pages followed
}

// RoundTrip sends a request once.
func (s *single) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := s.pages.follow(req); err != nil {
		return nil, final{err}
	}
	resp, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, final{err}
	}
	if req.Method == http.MethodHead || !strings.Contains(req.URL.Path, "/api/") {
		return resp, nil
	}
	shown := *resp
	shown.Header = resp.Header.Clone()
	shown.Header.Del("Content-Type")
	shown.Request = req.Clone(req.Context())
	shown.Request.Header.Set("Accept", "*/*")
	return &shown, nil
}

// CloseIdleConnections lets go of connections that wait for a next request.
func (s *single) CloseIdleConnections() {
	if c, ok := s.next.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// final is an error that the SDK takes as final.
type final struct{ error }

// Error returns the text without the words for which the SDK sends a request again: those of
// httpclient/errors.go, apierr/error_overrides.go and config/api_client.go of v0.175.0.
func (f final) Error() string {
	return strings.NewReplacer(
		"connection reset by peer", "connection cut by peer",
		"TLS handshake timeout", "TLS handshake took too long",
		"connection refused", "connection not accepted",
		"Unexpected error", "unexpected error",
		"i/o timeout", "time-out of i/o",
		"REQUEST_LIMIT_EXCEEDED", "request limit exceeded",
		"Timed out after ", "timed out after ",
		"deadline exceeded", "deadline passed",
	).Replace(f.error.Error())
}

// Unwrap returns the transport's own error.
func (f final) Unwrap() error { return f.error }

// onAzure reports whether a host is one of Azure's, as the SDK does (common/environment).
func onAzure(h Host) bool {
	return slices.ContainsFunc([]string{".azuredatabricks.net", ".databricks.azure.us", ".databricks.azure.cn"}, func(suffix string) bool {
		return strings.HasSuffix(h.URL, suffix)
	}) || h.URL == "https://accounts.azuredatabricks.net"
}
