package databricks

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// memo remembers answers by key for the length of a run. The zero memo is empty.
type memo struct {
	mu      sync.Mutex
	answers map[string]*answer
}

type answer struct {
	done  chan struct{} // closed once value and err stand
	value any
	err   error
}

// recall returns the answer under key, which is fetched once however many ask at the same time. An
// error is an answer too, but for one that passes: an interruption, or something not visible yet.
func recall[T any](ctx context.Context, m *memo, key string, fetch func(context.Context) (T, error)) (T, error) {
	for {
		a, mine := m.claim(key)
		if mine {
			value, err := fetch(ctx)
			a.value, a.err = value, err
			if passes(err) {
				m.release(key, a)
			}
			close(a.done)
			return value, err
		}
		var none T
		select {
		case <-ctx.Done():
			return none, context.Cause(ctx)
		case <-a.done:
		}
		if interrupted(a.err) {
			continue // it was the other caller who was interrupted
		}
		value, _ := a.value.(T)
		return value, a.err
	}
}

func (m *memo) claim(key string) (a *answer, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if a, known := m.answers[key]; known {
		return a, false
	}
	if m.answers == nil {
		m.answers = map[string]*answer{}
	}
	a = &answer{done: make(chan struct{})}
	m.answers[key] = a
	return a, true
}

func (m *memo) release(key string, a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers[key] == a {
		delete(m.answers, key)
	}
}

// drop forgets every answer whose key begins with one of the prefixes. A fetch that is under way is
// forgotten with them: whoever asks next fetches again.
func (m *memo) drop(prefixes ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for key := range m.answers {
		for _, p := range prefixes {
			if strings.HasPrefix(key, p) {
				delete(m.answers, key)
			}
		}
	}
}

func passes(err error) bool { return interrupted(err) || errors.Is(err, resource.ErrNotYet) }

func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
