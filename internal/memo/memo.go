// Package memo remembers answers, so that many readers of one listing cost one request.
package memo

import (
	"context"
	"errors"
	"strings"
	"sync"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Memo remembers answers by key for the length of a run. The zero Memo is empty and ready to use; its
// methods may be called from any goroutine.
type Memo struct {
	mu      sync.Mutex
	answers map[string]*answer
}

type answer struct {
	done  chan struct{} // closed once value and err stand
	value any
	err   error
}

// Recall returns the answer under key, which is fetched once however many ask at the same time. An
// error is an answer too, but for one that passes: an interruption, something not visible yet, or what is Alone.
func Recall[T any](ctx context.Context, m *Memo, key string, fetch func(context.Context) (T, error)) (T, error) {
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
		if (interrupted(a.err) || isAlone(a.err)) && ctx.Err() == nil {
			continue // it was the other caller who was interrupted, or who alone was answered so
		}
		value, _ := a.value.(T)
		return value, a.err
	}
}

func (m *Memo) claim(key string) (a *answer, mine bool) {
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

func (m *Memo) release(key string, a *answer) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.answers[key] == a {
		delete(m.answers, key)
	}
}

// Amend replaces the answer under key by what change makes of it; where there is none it does nothing. change
// leaves what it is given as it is, as others still read it. A fetch that is under way is forgotten: it may
// have been answered before the change.
func Amend[T any](m *Memo, key string, change func(T) T) {
	m.mu.Lock()
	defer m.mu.Unlock()
	have, known := m.answers[key]
	if !known {
		return
	}
	select {
	case <-have.done:
	default:
		delete(m.answers, key)
		return
	}
	value, ok := have.value.(T)
	if have.err != nil || !ok {
		delete(m.answers, key)
		return
	}
	m.answers[key] = &answer{done: have.done, value: change(value)}
}

// Drop forgets the answers under the keys; a key that ends in a slash is all below it, and "" is every
// answer. A fetch that is under way is forgotten with them: whoever asks next fetches again.
func (m *Memo) Drop(keys ...string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for have := range m.answers {
		for _, key := range keys {
			if have == key || (key == "" || strings.HasSuffix(key, "/")) && strings.HasPrefix(have, key) {
				delete(m.answers, have)
			}
		}
	}
}

// Alone makes err an answer for nobody but who asked: whoever waits for the same asks anew.
func Alone(err error) error { return &alone{err} }

type alone struct{ error }

func (a *alone) Unwrap() error { return a.error }

func isAlone(err error) bool {
	var a *alone
	return errors.As(err, &a)
}

func passes(err error) bool {
	return interrupted(err) || isAlone(err) || errors.Is(err, resource.ErrNotYet)
}

func interrupted(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
