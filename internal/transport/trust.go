package transport

import (
	"net"
	"net/http"
	"slices"
	"strings"
)

// trusts reports whether a credential may go to a host. Besides the hosts that the caller trusts:
// loopback, the issuer of a GitHub job's own tokens (its address comes from the runner, its request
// token is of no use elsewhere), and the identity providers of the clouds.
func (w *wire) trusts(host string) bool {
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	return loopback(name) || strings.HasSuffix(name, ".actions.githubusercontent.com") || identityProvider(name) ||
		w.opt.Trusted != nil && w.opt.Trusted(host)
}

// credentialed reports whether a request carries a credential, in a header or, to a token endpoint,
// in its body.
func credentialed(req *http.Request) bool {
	for _, name := range []string{"Authorization", "Proxy-Authorization", "Cookie", "X-Databricks-Azure-Sp-Management-Token", "X-Databricks-Gcp-Sa-Access-Token"} {
		if req.Header.Get(name) != "" {
			return true
		}
	}
	return req.URL.User != nil || tokenEndpoint(req)
}

func loopback(name string) bool {
	if strings.EqualFold(name, "localhost") {
		return true
	}
	ip := net.ParseIP(name)
	return ip != nil && ip.IsLoopback()
}

// identityProvider reports whether a host is where Azure or Google hand out tokens: profiles may log
// in through them (SDK config/auth_azure_*.go, auth_gcp_*.go).
func identityProvider(name string) bool {
	return slices.Contains([]string{
		"login.microsoftonline.com", "login.microsoftonline.us", "login.chinacloudapi.cn", "login.partner.microsoftonline.cn",
		"oauth2.googleapis.com", "sts.googleapis.com",
	}, strings.ToLower(name))
}

// instanceMetadata reports whether a request asks the metadata service of an Azure machine for its
// identity, which answers on this link-local address and over http alone.
func instanceMetadata(req *http.Request) bool {
	return req.Method == http.MethodGet && req.URL.Host == "169.254.169.254" &&
		strings.HasPrefix(req.URL.Path, "/metadata/identity/") && req.Header.Get("Authorization") == ""
}
