package github

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
	entries map[string]*entry
}

type entry struct {
	done  chan struct{}
	value any
	err   error
}

// recall returns the answer under key, which is fetched once however many ask at the same time. An
// error is an answer as well, but for one that passes: an interruption, or something not visible yet.
func recall[T any](ctx context.Context, m *memo, key string, fetch func(context.Context) (T, error)) (T, error) {
	for {
		e, mine := m.claim(key)
		if mine {
			var value T
			value, e.err = fetch(ctx)
			e.value = value
			if passing(e.err) {
				m.release(key, e)
			}
			close(e.done)
			return value, e.err
		}
		var none T
		select {
		case <-ctx.Done():
			return none, ctx.Err()
		case <-e.done:
		}
		if interrupted(e.err) && ctx.Err() == nil {
			continue // it was the other caller who was interrupted
		}
		value, _ := e.value.(T)
		return value, e.err
	}
}

func (m *memo) claim(key string) (e *entry, mine bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok {
		return e, false
	}
	if m.entries == nil {
		m.entries = map[string]*entry{}
	}
	e = &entry{done: make(chan struct{})}
	m.entries[key] = e
	return e, true
}

func (m *memo) release(key string, e *entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.entries[key] == e {
		delete(m.entries, key)
	}
}

// drop forgets the answers under the keys, and those below them ("environment/" drops all of them).
// A fetch on its way is forgotten with them: whoever asks next fetches again.
func (m *memo) drop(keys ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for have := range m.entries {
		for _, key := range keys {
			if have == key || strings.HasSuffix(key, "/") && strings.HasPrefix(have, key) {
				delete(m.entries, have)
			}
		}
	}
}

func (m *memo) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries = nil
}

func passing(err error) bool { return interrupted(err) || errors.Is(err, resource.ErrNotYet) }

func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
