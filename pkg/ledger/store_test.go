package ledger_test

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/gitrepo"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// shelf is a repository's refs in memory. Its moves are atomic compare-and-swaps, as git's are.
type shelf struct {
	mu       sync.Mutex
	clock    *virtual.Clock
	refs     map[string]string
	versions map[string]gitrepo.Version
	pushes   int
	// before is called with the number of a push, and says whether its answer is lost before or after its effect.
	lose func(push int) lost
	skew time.Duration // of the server's clock
}

type lost string

const (
	answered   lost = ""
	lostBefore lost = "before"
	lostAfter  lost = "after"
	contested  lost = "contested" // somebody else is quicker
	doubled    lost = "doubled"   // it is sent twice on its way, and the second answer arrives
)

func newShelf(c *virtual.Clock) *shelf {
	return &shelf{clock: c, refs: map[string]string{}, versions: map[string]gitrepo.Version{}, lose: func(int) lost { return answered }}
}

func (s *shelf) Refs(context.Context) (gitrepo.Refs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return gitrepo.Refs{Hashes: maps.Clone(s.refs), Time: s.now()}, nil
}

func (s *shelf) now() time.Time { return s.clock.Now().Add(s.skew).Truncate(time.Second) }

func (s *shelf) FetchVersions(_ context.Context, hash string, depth int) ([]gitrepo.Version, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []gitrepo.Version
	for hash != "" && (depth == 0 || len(all) < depth) {
		v, ok := s.versions[hash]
		if !ok {
			return nil, fmt.Errorf("commit %s: %w", hash, resource.ErrNotFound)
		}
		all = append(all, v)
		hash = ""
		if len(v.Parents) > 0 {
			hash = v.Parents[0]
		}
	}
	return all, nil
}

func (s *shelf) MoveRefs(_ context.Context, moves []gitrepo.Move) (gitrepo.Refs, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pushes++
	made := gitrepo.Refs{Hashes: map[string]string{}, Time: s.now()}
	for i, m := range moves {
		if m.New != nil {
			made.Hashes[m.Ref] = fmt.Sprintf("%040d", s.pushes*10+i)
		}
	}
	fate := s.lose(s.pushes)
	for _, m := range moves {
		if s.refs[m.Ref] != m.Old || fate == contested {
			return made, fmt.Errorf("%s: %w", m.Ref, gitrepo.ErrMoved)
		}
	}
	if fate == lostBefore {
		return made, resource.ErrLost
	}
	for _, m := range moves {
		s.put(m, made.Hashes[m.Ref])
	}
	switch fate {
	case lostAfter:
		return made, resource.ErrLost
	case doubled:
		return made, gitrepo.ErrMoved
	}
	return made, nil
}

func (s *shelf) put(m gitrepo.Move, hash string) {
	if m.New == nil {
		delete(s.refs, m.Ref)
		return
	}
	v := gitrepo.Version{Hash: hash, Message: m.New.Message, Files: m.New.Files}
	if m.New.Parent != "" {
		v.Parents = []string{m.New.Parent}
	}
	s.versions[hash], s.refs[m.Ref] = v, hash
}

func newClock() *virtual.Clock {
	return virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), 0)
}

// here is where the ledger of these tests belongs.
func here() ledger.Where {
	return ledger.Where{Stack: "taxi", Repository: ledger.Repository{Host: "https://github.com", ID: "7", FullName: "acme/taxi"}}
}
