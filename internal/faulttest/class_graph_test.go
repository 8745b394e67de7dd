package faulttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// skips let every step of an install fail, one in each case: what needs it is skipped, and nothing else.
func skips() []faultCase {
	var list []faultCase
	for _, r := range firstWrites() {
		if r.kind == "repository" || r.kind == "ledger" {
			continue // the ledger lies in the repository: without them nothing is begun
		}
		times := -1
		if strings.Contains(r.path, ".git/") {
			times = 1 // the ledger is pushed to the same place, and is no part of this
		}
		list = append(list, faultCase{class: "F42", name: r.String(), row: r, faults: []sandbox.Fault{r.status(403, times)}, codes: []int{1, 6},
			act: func(w *world) outcome {
				needs := w.needs()
				o := w.apply("-o", "json")
				want := map[string]bool{}
				for address, failed := range w.ended(o, "failed") {
					if address != r.address && failed && !strings.HasPrefix(address, r.kind+"/") {
						w.t.Errorf("%s failed, too", address)
					}
					for _, d := range descendants(needs, address) {
						want[d] = true
					}
				}
				for address := range w.ended(o, "skipped") {
					if !want[address] {
						w.t.Errorf("%s was skipped, and needs nothing that failed", address)
					}
					delete(want, address)
				}
				for address := range want {
					if !w.ended(o, "failed")[address] {
						w.t.Errorf("%s was not skipped, though it needs what failed", address)
					}
				}
				return o
			}})
	}
	return list
}

// firstWrites are the first request of each step of an install.
func firstWrites() []row {
	found, err := everyStep()
	if err != nil {
		return nil // the table's own rows say why
	}
	return found
}

// needs is the plan's graph: by address, what it depends on.
func (w *world) needs() map[string][]string {
	w.t.Helper()
	_, o := w.plan()
	var p struct {
		Changes []struct {
			Address   string
			DependsOn []string `json:"depends_on"`
		}
	}
	if err := json.Unmarshal([]byte(o.out), &p); err != nil {
		w.t.Fatal(err)
	}
	needs := map[string][]string{}
	for _, c := range p.Changes {
		needs[c.Address] = c.DependsOn
	}
	return needs
}

func descendants(needs map[string][]string, of string) []string {
	var found []string
	for next := []string{of}; len(next) > 0; next = next[1:] {
		for address, parents := range needs {
			if slices.Contains(parents, next[0]) && !slices.Contains(found, address) {
				found, next = append(found, address), append(next, address)
			}
		}
	}
	return found
}

// ended are the addresses of the events of that type.
func (w *world) ended(o outcome, how string) map[string]bool {
	w.t.Helper()
	found := map[string]bool{}
	for line := range strings.Lines(o.out) {
		var event struct{ Type, Address string }
		if err := json.Unmarshal([]byte(line), &event); err != nil {
			w.t.Fatalf("no event: %v in %s", err, line)
		}
		if event.Type == how {
			found[event.Address] = true
		}
	}
	return found
}

// pages make listings longer than a page, repeat what is on them, and lead back to where they began.
func pages() []faultCase {
	var list []faultCase
	for _, n := range []int{0, 1, 29, 30, 31, 99, 100, 101} {
		list = append(list, faultCase{class: "F31", name: fmt.Sprintf("read/%d_more", n), start: quiet, codes: []int{0}, arrange: func(w *world) { w.crowd(n) },
			act: func(w *world) outcome { o := looks(w); w.foreign = w.others(); return o }})
		list = append(list, faultCase{class: "F31", name: fmt.Sprintf("update/%d_more", n), start: edited, codes: []int{0}, arrange: func(w *world) { w.crowd(n) }})
	}
	for name, path := range map[string]string{"variables": "api.github.com/*/actions/variables", "principals": accountHost + "/*/scim/v2/ServicePrincipals", "schemas": "prod.cloud.databricks.com/*/unity-catalog/schemas"} {
		c := lookCase("F31", name+"/twice_on_a_page")
		c.codes = []int{0, 1}
		c.arrange = func(w *world) { w.rephrase(path, func(v any) any { return each(v, doubled) }) }
		list = append(list, c)
		c = lookCase("F31", name+"/in_a_loop")
		c.codes, c.lies = []int{0, 1, 4}, true
		c.arrange = func(w *world) { w.crowd(40); w.loop(path) }
		list = append(list, c)
	}
	return list
}

// crowd makes n objects of others', in three listings.
func (w *world) crowd(n int) {
	w.t.Helper()
	for i := range n {
		w.send("POST", repo+"/actions/variables", map[string]any{"name": fmt.Sprintf("V%03d", i), "value": "x"})
		w.send("POST", account+"/scim/v2/ServicePrincipals", map[string]any{"displayName": fmt.Sprintf("p%03d", i)})
		w.send("POST", uc+"/schemas", map[string]any{"name": fmt.Sprintf("s%03d", i), "catalog_name": "prod"})
	}
}

// doubled has each object of a listing twice.
func doubled(v any) any {
	list, ok := v.([]any)
	if !ok || len(list) == 0 {
		return v
	}
	if _, ok := list[0].(map[string]any); !ok {
		return v
	}
	return append(list, list...)
}

// loop lets every page of a listing lead to itself.
func (w *world) loop(path string) {
	w.wire.add(&rule{method: "GET", path: path, times: -1, do: func(r *http.Request, send func() (*http.Response, error)) (*http.Response, error) {
		resp, err := send()
		if err != nil {
			return resp, err
		}
		resp.Header.Set("Link", "<"+r.URL.String()+`>; rel="next"`)
		return reworded(resp, func(body []byte) []byte {
			body = bytes.ReplaceAll(body, []byte(`"totalResults":`), []byte(`"totalResults":9`))
			return bytes.Replace(body, []byte(`{`), []byte(`{"next_page_token":"again",`), 1)
		})
	}})
}

// crowds are specs with many objects.
func crowds() []faultCase {
	many := func(n int) func(*world) {
		return func(w *world) {
			var b strings.Builder
			b.WriteString("variables:\n")
			for i := range n {
				fmt.Fprintf(&b, "  V%05d: x\n", i)
			}
			w.edit("variables:\n", b.String())
		}
	}
	wide := faultCase{class: "F43", name: "create/250_wide", codes: []int{0}, arrange: many(250), most: hour, many: true, after: func(w *world, o outcome) {
		const most = 250*3 + 200 // a write and a look for each, and some for the rest
		if len(o.sent) > most {
			w.t.Errorf("an install with 250 variables sends %d requests, want at most %d", len(o.sent), most)
		}
	}}
	large := faultCase{class: "F44", name: "read/2000_variables", codes: []int{2}, arrange: many(2000), most: hour, many: true, act: func(w *world) outcome {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, o := w.plan()
		runtime.ReadMemStats(&after)
		const most = 1 << 30
		if used := after.TotalAlloc - before.TotalAlloc; used > most {
			w.t.Errorf("a plan of 2,000 variables takes %d MB in all", used>>20)
		}
		return o
	}, repair: func(w *world) { w.spec = specText; w.edit() }}
	return []faultCase{wide, large}
}
