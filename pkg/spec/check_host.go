package spec

import (
	"fmt"
	"net"
	"net/url"
	"strings"
)

// service is who a host belongs to.
type service struct {
	name  string
	zones []string // domains whose hosts the service alone can own
	hosts []string
}

// databricks holds the clouds' own domains, as the SDK lists them. databricksapps.com is not among
// them: what answers there is a customer's program.
func databricks() service {
	return service{name: "Databricks", zones: []string{
		".cloud.databricks.com", ".dev.databricks.com", ".gcp.databricks.com", ".cloud.databricks.us",
		".azuredatabricks.net", ".databricks.azure.us", ".databricks.azure.cn",
	}}
}

func github() service {
	return service{name: "GitHub", zones: []string{".ghe.com"}, hosts: []string{"github.com"}}
}

func (s service) owns(host string) bool {
	for _, z := range s.zones {
		if strings.HasSuffix(host, z) {
			return true
		}
	}
	for _, h := range s.hosts {
		if host == h {
			return true
		}
	}
	return false
}

// checkHosts holds every host against the places that a credential may go to.
func (r *reading) checkHosts() {
	if u := r.checkHost(r.root.find("git", "host"), github()); u != nil {
		r.checkGitHost(u)
	}
	n := r.root.find("account", "host")
	if u := r.checkHost(n, databricks()); u != nil && databricks().owns(u.Hostname()) && !isAccountHost(u.Hostname()) {
		r.fail(n, found("spec/account-host", fmt.Sprintf("%s is a workspace's host", n.quote()),
			"the account's begins with accounts., as in https://accounts.cloud.databricks.com"))
	}
	for _, t := range r.root.get("targets").children() {
		n := t.get("host")
		if u := r.checkHost(n, databricks()); u != nil && isAccountHost(u.Hostname()) {
			r.fail(n, found("spec/account-host", fmt.Sprintf("%s is the account's host", n.quote()),
				"a target needs its workspace's own; the account's stands in account.host"))
		}
	}
}

func isAccountHost(host string) bool {
	return databricks().owns(host) && strings.HasPrefix(host, "accounts")
}

func (r *reading) checkGitHost(u *url.URL) {
	n := r.root.find("git", "host")
	if u.Port() != "" && github().owns(u.Hostname()) && u.Port() != "443" {
		r.fail(n, found("spec/host", fmt.Sprintf("%s has a port", n.quote()), "leave the port out"))
	}
}

// checkHost returns the URL of a host that may be spoken to, nil when there is none or it was refused.
func (r *reading) checkHost(n *node, s service) *url.URL {
	value, ok := n.value()
	if !ok {
		return nil
	}
	u, code, problem, advice := splitHost(value)
	if problem == "" {
		code, problem, advice = r.refuseHost(u, s)
	}
	if problem != "" {
		if n.shown != "" && u != nil {
			advice = strings.ReplaceAll(advice, u.Host, "it")
		}
		r.fail(n, found(code, fmt.Sprintf("%s %s", n.quote(), problem), advice))
		return nil
	}
	return u
}

// splitHost takes a host apart and refuses what is more than a scheme, a name and a port.
func splitHost(value string) (u *url.URL, code, problem, advice string) {
	code = "spec/host"
	if !strings.Contains(value, "://") {
		return nil, code, "has no scheme", "write it with https://"
	}
	u, err := url.Parse(value)
	switch {
	case err != nil:
		return nil, code, "is not a host", "write https:// and the host's name"
	case u.User != nil:
		return nil, code, "carries a user", "write https:// and the host's name; credentials come from the environment or a profile"
	case strings.HasSuffix(u.Hostname(), "."):
		return nil, code, "ends in a full stop", "leave it out"
	case u.Hostname() == "":
		return nil, code, "has no host's name", "write https:// and the host's name"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(value, "#") || strings.Trim(u.Path, "/") != "":
		return nil, code, "is more than a host", "leave out what follows the host's name"
	case strings.ContainsFunc(u.Host, func(c rune) bool { return c > '~' || c <= ' ' }):
		return nil, code, "has letters that look like others", "write the host's name in ASCII"
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	switch {
	case strings.Trim(u.Hostname(), "abcdefghijklmnopqrstuvwxyz0123456789.-_:") != "":
		return nil, code, "is not a host", "write https:// and the host's name"
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, code, "is not an https:// host", "write it with https://"
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return nil, "spec/host-http", "would send credentials in the clear", "write it with https://; http:// is for loopback alone"
	}
	return u, code, "", ""
}

func (r *reading) refuseHost(u *url.URL, s service) (code, problem, advice string) {
	host := u.Hostname()
	switch {
	case s.owns(host), isLoopback(host), r.trusts(u):
		return "", "", ""
	case host == "api.github.com" || host == "www.github.com":
		return "spec/host", "is a part of github.com", "write https://github.com; the API's place follows from it"
	default:
		return "spec/host-untrusted", fmt.Sprintf("is no host of %s", s.name),
			fmt.Sprintf("no credential is sent there; if it is yours, add %s to MLOPSCTL_TRUSTED_HOSTS", u.Host)
	}
}

// trusts reports whether the user trusts a host: by its name, its name and port, or *.DOMAIN.
func (r *reading) trusts(u *url.URL) bool {
	for _, entry := range r.o.TrustedHosts {
		entry = strings.ToLower(strings.TrimSuffix(strings.TrimPrefix(strings.TrimSpace(entry), "https://"), "/"))
		domain, wild := strings.CutPrefix(entry, "*.")
		switch {
		case entry == "" || domain == "":
		case wild && strings.HasSuffix(u.Hostname(), "."+domain), entry == u.Hostname(), entry == u.Host:
			return true
		}
	}
	return false
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// checkProfiles refuses two logins on one host: a host's listings are read once, by one of them.
func (r *reading) checkProfiles() {
	first := map[string]*node{}
	nodes := append([]*node{r.root.get("account")}, r.root.get("targets").children()...)
	for _, n := range nodes {
		host, profile := cleanHost(n.str("host")), n.get("profile")
		if _, ok := profile.value(); host == "" || !ok {
			continue
		}
		if first[host] == nil {
			first[host] = profile
			continue
		}
		if other := first[host]; other.text != profile.text {
			r.fail(profile, found("spec/profile", fmt.Sprintf("a second profile for the host of %s", n.where()),
				fmt.Sprintf("one host has one login; %s stands in line %d", other.quote(), other.at.Line)))
		}
	}
}

// TrustedGitHub reports whether a credential may go to a GitHub host that something other than a spec names.
func TrustedGitHub(address string, o Options) bool {
	u, _, problem, _ := splitHost(address)
	if problem == "" {
		_, problem, _ = (&reading{o: o}).refuseHost(u, github())
	}
	return problem == ""
}
