// Package sandbox is a stand-in for the services that a spec names: a Databricks account, its
// workspaces and Unity Catalog, GitHub with git, and the issuer of GitHub's OIDC tokens. People
// rehearse with it, so it refuses what the services refuse. It knows nothing of the rest of this
// program: its wire types are its own, held against the services' published descriptions.
//
// Every service is a set of routes over one State. A request runs alone, under one lock, which other processes hold to; one that
// changed the state is saved before it is answered, so a kill loses nothing that was answered.
package sandbox

import (
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/storage/memory"
)

// Hosts says which hosts the sandbox answers for, each as a URL without a trailing slash.
type Hosts struct {
	Account    string
	AccountID  string
	Workspaces []string
	GitHub     string // https://github.com also answers for api.github.com
	Owner      string // the organisation or user that owns the spec's repository
}

// Options opens a sandbox. Dir is the folder that keeps its state, "" for memory alone; Now is its
// clock; World is a world file's text, read only when the folder holds no state yet, and WorldFile what errors call
// it. Any number of processes may have a folder open: each request sees what those before it have left, whoever answered them.
type Options struct {
	Dir   string
	Now   func() time.Time
	Hosts Hosts
	World []byte

	WorldFile string
}

// Sandbox is an open sandbox. Its methods may be called from any goroutine.
type Sandbox struct {
	mu       sync.Mutex
	turn     *turn  // while a folder is locked
	trouble  error  // why the folder, or the state in it, cannot be had
	version  string // of the state in the folder that state is
	opt      Options
	state    *State
	routes   map[service][]route
	log      []Request
	journal  *os.File                  // the log on disk; nil until the first request, or without Dir
	aliases  map[string][]string       // served host: the configured hosts that it answers for
	seen     map[string]*recentGets    // for stale answers
	inMemory map[int64]*memory.Storage // what git keeps, by repository, of a sandbox without a folder
	issuer   *issuer
	persons  string // begins the tokens of the people who do what Do says; "" until the first
}

// State is everything that the sandbox remembers, as it is kept on disk. Each service has its own
// part and its own file for the type.
type State struct {
	Format     int               `json:"format"`
	Sequence   int64             `json:"sequence"`           // the last number that was handed out as an id
	Advanced   time.Duration     `json:"advanced,omitempty"` // what was added to the clock
	Faults     []*Fault          `json:"faults,omitempty"`
	Operator   map[string]string `json:"operator,omitempty"` // logins instead of the operator's
	Databricks *Databricks       `json:"databricks"`
	GitHub     *GitHub           `json:"github"`
}

// nextID hands out ids in order, so that the same requests get the same ids.
func (s *State) nextID() int64 { s.Sequence++; return s.Sequence }

// nextUUID is nextID in the form of a UUID.
func (s *State) nextUUID() string {
	return fmt.Sprintf("00000000-0000-4000-8000-%012d", s.nextID())
}

// Open reads the state in o.Dir, or begins one from o.Hosts and o.World.
func Open(o Options) (*Sandbox, error) {
	s := create(o)
	s.lock()
	defer s.unlock()
	if s.trouble != nil {
		return nil, fmt.Errorf("opening the sandbox: %w", s.trouble)
	}
	return s, nil
}

// create is a sandbox that has no state yet.
func create(o Options) *Sandbox {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &Sandbox{
		opt: o, routes: map[service][]route{}, aliases: map[string][]string{}, seen: map[string]*recentGets{},
	}
	s.databricksRoutes()
	s.githubRoutes()
	s.issuerRoutes()
	return s
}

// service is one of the hosts' roles.
type service string

const (
	accountService   service = "account"
	workspaceService service = "workspace"
	githubService    service = "github" // REST, GraphQL and git
	issuerService    service = "issuer" // GitHub's OIDC issuer
)

// roles returns the services that answer on host (as in a URL, with its port), in the order in which
// their routes are tried, and the path without what the dialect puts before it.
func (s *Sandbox) roles(host, path string) ([]service, string) {
	var found []service
	h := s.opt.Hosts
	if sameHost(h.Account, host) {
		found = append(found, accountService)
	}
	for _, w := range h.Workspaces {
		if sameHost(w, host) {
			found = append(found, workspaceService)
			break
		}
	}
	if sameHost(h.GitHub, host) || (sameHost(h.GitHub, "github.com") && host == "api.github.com") {
		found = append(found, githubService)
		if rest, ok := strings.CutPrefix(path, "/api/v3"); ok {
			path = rest
		}
	}
	if host == "token.actions.githubusercontent.com" || sameHost(h.GitHub, host) {
		found = append(found, issuerService)
	}
	return found, path
}

func sameHost(address, host string) bool {
	u, err := url.Parse(address)
	return err == nil && address != "" && strings.EqualFold(u.Host, host)
}
