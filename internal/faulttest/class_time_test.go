package faulttest

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// cuts end a run at each request that changes something: nothing of it goes out any more, as if its
// process were gone.
func cuts(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		for class, sent := range map[string]bool{"F01": false, "F02": true, "F03": true} {
			answer := class == "F03"
			list = append(list, faultCase{class: class, name: r.String(), row: r, codes: []int{0, 1, 4, 6}, arrange: func(w *world) {
				w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
					defer w.wire.add(&rule{path: "*", times: -1, do: func(*http.Request, func() (*http.Response, error)) (*http.Response, error) {
						return nil, syscall.ENETDOWN
					}})
					if !sent {
						return nil, syscall.ENETDOWN
					}
					resp, err := send()
					if answer || err != nil {
						return resp, err
					}
					return nil, syscall.ECONNRESET
				}})
			}})
		}
	}
	for _, r := range rows {
		list = append(list, stopped(r, "before", func(*world, sender) error { return nil }), stopped(r, "after", func(_ *world, send sender) error {
			_, err := send()
			return err
		}))
		switch {
		case r.start == doomed && r.kind == "repository":
			list = append(list, lateDeletion(r))
		case r.start == doomed && r.kind == "service_principal":
			list = append(list, hiddenLedger(r))
		}
	}
	return list
}

type sender func() (*http.Response, error)

// stopped stops a run hard at a request, after what happens meanwhile.
func stopped(r row, word string, meanwhile func(*world, sender) error) faultCase {
	ctx, cancel := context.WithCancel(context.Background())
	return faultCase{class: "F04", name: r.String() + "/" + word, row: r, codes: []int{0, 1, 6, 130}, arrange: func(w *world) {
		w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: func(q *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			if err := meanwhile(w, send); err != nil {
				return nil, err
			}
			cancel()
			<-q.Context().Done()
			return nil, q.Context().Err()
		}})
	}, act: func(w *world) outcome {
		defer cancel()
		return w.run(ctx, r.start.args()...)
	}}
}

const unwritten = "ledger could not be written"

// lateDeletion is a deletion of the repository that has its effect a moment later: when the run says in the ledger how
// it ended, there is none any longer.
func lateDeletion(r row) faultCase {
	c := stopped(r, "a_moment_later", func(w *world, _ sender) error {
		w.wire.add(&rule{path: "*", times: 1, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
			w.send(r.method, "https://"+r.path, nil)
			return send()
		}})
		return nil
	})
	c.codes, c.after = []int{6}, func(w *world, o outcome) {
		if strings.Contains(o.String(), unwritten) {
			w.t.Error("it misses the ledger of a repository that it deleted")
		}
	}
	return c
}

// hiddenLedger is a repository that is not to be seen when the run says how it ended, and that it has not begun to
// delete: what it could not record is said.
func hiddenLedger(r row) faultCase {
	c := stopped(r, "and_the_ledger_hidden", func(w *world, _ sender) error {
		w.inject(sandbox.Fault{Method: "GET", Path: "github.com/*/info/refs", Times: -1, Action: sandbox.FaultStatus, Status: 404})
		return nil
	})
	c.codes, c.after = []int{6}, func(w *world, o outcome) {
		if !strings.Contains(o.String(), unwritten) {
			w.t.Error("it does not say that the ledger was not written")
		}
	}
	return c
}

// lags are answers that are older than the last change.
func lags(rows []row) []faultCase {
	var list []faultCase
	for _, r := range rows {
		seen := readsOf(r)
		if len(seen) == 0 || r.start == aged || r.start == doomed {
			continue
		}
		for word, times := range map[string]int{"once": 1, "thrice": 3, "for_ever": -1} {
			c := faultCase{class: "F18", name: fmt.Sprintf("%s/%s", r, word), row: r, lies: true, codes: []int{0, 1, 6}}
			c.arrange = func(w *world) {
				afterwards(w, r, func() {
					w.inject(sandbox.Fault{Method: "GET", Path: seen[0].path, Times: times, Action: sandbox.FaultStatus, Status: 404})
				})
			}
			if r.start == fresh {
				list = append(list, c)
			}
		}
		for word, times := range map[string]int{"once": 1, "twice": 2} {
			class := map[start]string{fresh: "F19", edited: "F20"}[r.start]
			c := faultCase{class: class, name: fmt.Sprintf("%s/%s", r, word), row: r, lies: true, codes: []int{0, 6}}
			c.arrange = func(w *world) {
				afterwards(w, r, func() {
					w.inject(sandbox.Fault{Method: "GET", Path: seen[0].path, Times: times, Action: sandbox.FaultStale})
				})
			}
			c.act = func(w *world) outcome {
				first := w.apply()
				w.apply() // a second one that still sees the world as it was
				return first
			}
			list = append(list, c)
		}
	}
	for _, n := range []int{1, 3, 8} {
		for _, what := range []string{"assignment", "grant"} {
			slow := strings.Replace(worldText, "databricks:\n", fmt.Sprintf("databricks:\n  delays: {%s: %d}\n", what, n), 1)
			list = append(list, faultCase{class: "F21", name: fmt.Sprintf("create/%s_after_%d", what, n), world: slow, codes: []int{0, 6}})
		}
	}
	return list
}

// afterwards does something as soon as the row's request has been answered.
func afterwards(w *world, r row, do func()) {
	w.wire.add(&rule{method: r.method, path: r.path, nth: r.nth, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		do()
		return resp, err
	}})
}

// readsOf are the reads that would show what the row's request changes.
func readsOf(r row) []read {
	names := map[string]string{
		"branch_protection": "branch_protections", "first_commit": "branch", "secret": "secret", "grant": "catalogs_grant",
	}
	name := r.kind
	if n := names[r.kind]; n != "" {
		name = n
	}
	if r.issues() {
		name = "oauth_secret"
	}
	var found []read
	for _, x := range reads() {
		if x.name == name {
			found = append(found, x)
		}
	}
	return found
}

// clocks are wrong from the start, or jump.
func clocks() []faultCase {
	var list []faultCase
	const year = 365 * 24 * hour
	for word, d := range map[string]time.Duration{"an_hour_ahead": hour, "an_hour_behind": -hour, "ten_years_ahead": 10 * year, "ten_years_behind": -10 * year} {
		for _, s := range []start{fresh, quiet} {
			list = append(list, faultCase{class: "F05", name: string(s) + "/" + word, start: s, lies: true, codes: []int{0, 1, 4, 6}, most: 11 * year, arrange: func(w *world) {
				w.skew.advance(d)
			}, repair: func(w *world) { w.skew.advance(-d) }})
		}
		list = append(list, faultCase{class: "F05", name: "create/jumps_" + word, lies: true, codes: []int{0, 1, 4, 6}, most: 11 * year, arrange: func(w *world) {
			w.wire.add(&rule{path: accountHost + "/api/*", nth: 5, do: func(_ *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
				w.skew.advance(d)
				return send()
			}})
		}, repair: func(w *world) { w.skew.advance(-d) }})
	}
	return list
}
