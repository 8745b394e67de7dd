package github

import (
	"fmt"
	"net/url"
	"strings"
)

// site is where a GitHub host keeps its interfaces.
type site struct {
	dialect dialect
	web     *url.URL // git goes here
	api     *url.URL // ends in a slash
	issuer  string   // of the OIDC tokens of its Actions
}

// dialect is the sort of GitHub that a host runs.
type dialect string

const (
	public     dialect = "github.com"
	residency  dialect = "ghe.com" // Enterprise Cloud with data residency
	enterprise dialect = "server"
)

func siteOf(host string) (site, error) {
	web, err := url.Parse(strings.TrimSuffix(host, "/"))
	if err != nil || web.Host == "" || web.Path != "" {
		return site{}, fmt.Errorf("%q is not the address of a GitHub host, such as https://github.com", host)
	}
	name := strings.ToLower(web.Host)
	s := site{dialect: enterprise, web: web}
	var api string
	switch {
	case name == "github.com":
		s.dialect, api = public, "https://api.github.com/"
		s.issuer = "https://token.actions.githubusercontent.com"
	case strings.HasSuffix(name, ".ghe.com"):
		s.dialect, api = residency, "https://api."+name+"/"
		s.issuer = "https://token.actions." + name
	default:
		api = web.String() + "/api/v3/"
		s.issuer = web.String() + "/_services/token"
	}
	s.api, err = url.Parse(api)
	return s, err
}

// graphql is the path of the GraphQL interface, from where the REST interface begins.
func (s site) graphql() string {
	if s.dialect == enterprise {
		return "../graphql" // /api/graphql, beside /api/v3
	}
	return "graphql"
}
