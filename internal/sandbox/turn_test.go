package sandbox

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// One process cannot stand for two, but two sandboxes of one folder can: they share nothing but the folder.
func TestTwoSandboxesOfOneFolderSeeEachOther(t *testing.T) {
	const each = 20
	dir := t.TempDir()
	open := func() *dbxTest {
		s := openTest(t, Options{Dir: dir, Now: testClock, Hosts: testHosts()})
		return &dbxTest{t: t, s: s, id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	}
	a, b := open(), open()
	var all sync.WaitGroup
	for i, d := range []*dbxTest{a, b} {
		token := d.login(accountHost)
		all.Go(func() {
			for n := range each {
				body := strings.NewReader(fmt.Sprintf(`{"displayName": "p-%d-%d", "active": true}`, i, n))
				req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, accountAPI+"/scim/v2/ServicePrincipals", body)
				if err != nil {
					t.Error(err)
					return
				}
				req.Header.Set("Authorization", "Bearer "+token)
				resp, err := d.s.RoundTripper().RoundTrip(req)
				if err != nil || resp.StatusCode != http.StatusCreated {
					t.Errorf("%v, %v", resp, err)
					return
				}
				_ = resp.Body.Close()
			}
		})
	}
	all.Wait()
	ids := map[string]bool{}
	for _, d := range []*dbxTest{a, b, open()} {
		clear(ids)
		for _, p := range d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals?count=100", nil)["Resources"].([]any) {
			ids[p.(map[string]any)["id"].(string)] = true
		}
		if len(ids) != 2*each+1 { // and the operator
			t.Errorf("it has %d principals", len(ids))
		}
	}
	if err := b.s.Reset(nil); err != nil {
		t.Fatal(err)
	}
	a.tokens = map[string]string{} // the old ones have gone with the rest
	if left := a.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals?count=100", nil)["Resources"].([]any); len(left) != 1 {
		t.Errorf("after a reset by the other one it has %d principals", len(left))
	}
	if log, err := os.ReadFile(filepath.Join(dir, "requests.jsonl")); err != nil || strings.Count(string(log), "\n") != 2 {
		t.Errorf("the log of the two requests since the reset is %q, %v", log, err)
	}
}

func TestAFolderThatHasGoneFailsEveryRequest(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "box")
	s := openTest(t, Options{Dir: dir, Now: testClock, Hosts: testHosts()})
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	d := &dbxTest{t: t, s: s, id: operatorID, secret: operatorSecret, tokens: map[string]string{accountHost: "any"}}
	if resp, err := d.get(t.Context(), accountAPI+"/scim/v2/Users"); err == nil || !strings.Contains(err.Error(), "the sandbox's folder") {
		t.Errorf("%v, %v", resp, err)
	}
	if err := s.Advance(1); err == nil || !strings.Contains(err.Error(), "the sandbox's folder") {
		t.Errorf("advancing its clock: %v", err)
	}
}

func TestAChangeThatCouldNotBeSavedIsNone(t *testing.T) {
	dir := t.TempDir()
	s := openTest(t, Options{Dir: dir, Now: testClock, Hosts: testHosts()})
	d := &dbxTest{t: t, s: s, id: operatorID, secret: operatorSecret, tokens: map[string]string{}}
	d.principal("kept")
	file := filepath.Join(dir, "state.json")
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(file, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	d.do(500, "POST", accountAPI+"/scim/v2/ServicePrincipals", map[string]any{"displayName": "lost", "active": true})
	if err := os.RemoveAll(file); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, kept, 0o600); err != nil {
		t.Fatal(err)
	}
	if all := d.do(200, "GET", accountAPI+"/scim/v2/ServicePrincipals?count=100", nil)["Resources"].([]any); len(all) != 2 {
		t.Errorf("there are %d principals, and not the operator and the one that was saved", len(all))
	}
}
