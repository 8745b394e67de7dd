package kindtest

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mlopsctl/mlopsctl/internal/engine"
	"github.com/mlopsctl/mlopsctl/internal/sandbox"
	"github.com/mlopsctl/mlopsctl/internal/virtual"
	"github.com/mlopsctl/mlopsctl/pkg/apply"
	"github.com/mlopsctl/mlopsctl/pkg/plan"
)

// TestOneMoreApplyConverges is the promise to people whose accounts this changes. Over random specs,
// random live worlds (what another spec left, and what others own) and random failures: one more
// apply without failures finishes the work, the next plan has nothing left to do, no object is there
// twice, and what the spec does not name is as it was.
func TestOneMoreApplyConverges(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "README.md"), []byte("# Taxi\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		before, after := drawSpec(t, "before"), drawSpec(t, "after")
		w := &world{t: t, clock: virtual.NewClock(time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC), time.Millisecond), stack: parse(t, root, after)}
		s, err := sandbox.Open(sandbox.Options{Now: w.clock.Now, Hosts: hosts(w.stack), World: []byte(drawWorld(t))})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close() //nolint:errcheck // in memory but for git's folder, which the test's own folder outlives
		w.sandbox = s
		if rapid.Bool().Draw(t, "installed before") {
			w.stack = parse(t, root, before)
			w.apply()
			w.stack = parse(t, root, after)
		}
		foreign := w.foreign()
		if err := s.Inject(drawFaults(t)...); err != nil {
			t.Fatal(err)
		}
		w.applyWhateverHappens()
		if err := s.ClearFaults(); err != nil {
			t.Fatal(err)
		}
		w.untilVisible()
		for _, r := range w.apply().Results {
			if r.Status != apply.Done {
				t.Fatalf("one more apply: %s of %s: %s %s: %v", r.Action, r.Address, r.Status, r.Cause, r.Err)
			}
		}
		for _, c := range w.plan().Changes {
			if c.Action.Acts() {
				t.Fatalf("the next plan: %s of %s: %s %+v", c.Action, c.Address, c.Reason, c.Fields)
			}
		}
		w.noDuplicates()
		if now := w.foreign(); now != foreign {
			t.Fatalf("what is not the spec's changed\nfrom %s\nto   %s", foreign, now)
		}
	})
}

// untilVisible lets a lag end that a failed apply left behind: while a repository of a moment ago is
// not found everywhere, what is in it cannot be read, and an apply refuses to begin.
func (w *world) untilVisible() {
	w.t.Helper()
	var unknown []plan.Change
	for range 5 {
		changes := w.planWith(w.engine()).Changes
		unknown = slices.DeleteFunc(changes, func(c plan.Change) bool { return c.Action != plan.Unknown })
		if len(unknown) == 0 {
			return
		}
	}
	w.t.Fatalf("what is there stays unknown: %s: %s", unknown[0].Address, unknown[0].Reason)
}

// applyWhateverHappens plans and applies under faults; that may fail in any way but a lie or a panic.
func (w *world) applyWhateverHappens() {
	e := w.engine()
	p := w.planWith(e)
	if p.Diagnostics.HasErrors() {
		return // live state could not be read, so nothing is begun
	}
	// The ledger may be out of reach at the beginning or at the end, which is an error; what counts is what is
	// there afterwards.
	_, _ = e.Apply(ctx(), p, engine.Run{Options: apply.Options{Parallelism: 4}})
}

func drawFaults(t *rapid.T) []sandbox.Fault {
	var faults []sandbox.Fault
	for range rapid.IntRange(1, 6).Draw(t, "faults") {
		f := sandbox.Fault{
			Path: "*", Nth: rapid.IntRange(1, 120).Draw(t, "nth"), Times: rapid.IntRange(1, 3).Draw(t, "times"),
			Method: rapid.SampledFrom([]string{"", "GET", "POST", "POST", "PATCH", "PUT"}).Draw(t, "method"),
			Action: rapid.SampledFrom([]sandbox.FaultAction{
				sandbox.FaultStatus, sandbox.FaultResetBefore, sandbox.FaultResetAfter, sandbox.FaultTruncate,
			}).Draw(t, "fault"),
		}
		if f.Action == sandbox.FaultStatus {
			f.Status = rapid.SampledFrom([]int{429, 500, 502, 503, 504, 403, 409}).Draw(t, "status")
		}
		if f.Method == "POST" {
			f.Nth = rapid.IntRange(1, 40).Draw(t, "nth post")
		}
		faults = append(faults, f)
	}
	return faults
}

// drawWorld draws what others own: none of it is the spec's to change.
func drawWorld(t *rapid.T) string {
	var b strings.Builder
	b.WriteString("databricks:\n  service_principals: [{name: somebody-elses}]\n")
	b.WriteString("  groups: [{name: ml-engineers, workspaces: ['https://staging.cloud.databricks.com']}, {name: others, workspaces: ['https://staging.cloud.databricks.com']}]\n")
	b.WriteString("  experiments: [{workspace: 'https://staging.cloud.databricks.com', path: /Shared/theirs/fares}]\n")
	b.WriteString("  jobs: [{workspace: 'https://staging.cloud.databricks.com', name: nightly}]\n")
	b.WriteString("  access: [{workspace: 'https://staging.cloud.databricks.com', on: 'job:nightly', principal: 'group:others', level: CAN_VIEW}]\n")
	b.WriteString("  catalogs: [{name: theirs, schemas: [s]}]\n")
	if rapid.Bool().Draw(t, "prod is there") {
		b.WriteString("  tables: [{name: prod.shared.batch_input}]\n")
		b.WriteString("  grants: [{on: 'catalog:prod', principal: 'group:others', privileges: [USE_CATALOG, SELECT]}]\n")
	}
	fmt.Fprintf(&b, "  delays: {assignment: %d, grant: %d}\n", rapid.IntRange(0, 2).Draw(t, "assignment lag"), rapid.IntRange(0, 2).Draw(t, "grant lag"))
	b.WriteString("github:\n  teams: [{slug: ml-leads}, {slug: ml-engineers}]\n")
	fmt.Fprintf(&b, "  delay: %d\n", rapid.IntRange(0, 3).Draw(t, "repository lag"))
	if rapid.Bool().Draw(t, "repository is there") {
		b.WriteString("  repositories: [{name: acme/taxi, created: '2024-01-01', files: {README.md: hello}, branches: [theirs]}]\n")
	}
	return b.String()
}

// drawSpec draws a stack of the shape of the guide's, with each part there or not.
func drawSpec(t *rapid.T, name string) string {
	d := draw{t, name}
	var b strings.Builder
	b.WriteString("version: 1\nname: taxi\ngit:\n  repository: acme/taxi\n  first_commit: { message: first, paths: [README.md] }\n")
	d.maybe(&b, "  visibility: "+d.of("private", "internal")+"\n")
	d.maybe(&b, "  description: "+d.of("one", "two")+"\n")
	d.maybe(&b, "  teams: { ml-leads: "+d.of("maintain", "push")+" }\n")
	d.maybe(&b, "  workflow_permissions: { default: "+d.of("read", "write")+" }\n")
	b.WriteString("account: { host: 'https://accounts.cloud.databricks.com', id: 11111111-2222-3333-4444-555555555555 }\n")
	b.WriteString("branches:\n  main:\n    default: true\n")
	d.maybe(&b, "    protection: { required_approvals: "+d.of("0", "1", "2")+", required_checks: ["+d.of("", "a", "a, b")+"] }\n")
	b.WriteString("  release: { from: main }\n")
	targets := []string{"staging", "prod"}[:1+d.pick("targets", 2)]
	b.WriteString("targets:\n")
	for _, target := range targets {
		fmt.Fprintf(&b, "  %s:\n    host: https://%s.cloud.databricks.com\n    service_principal: taxi-%s\n    ci_auth: %s\n", target, target, target, d.of("oidc", "oauth_secret", "access_token"))
		fmt.Fprintf(&b, "    environment: { reviewers: [%s], branches: [%s] }\n", d.of("", `"team:ml-leads"`), d.of("main", "release", "main, release"))
	}
	d.maybe(&b, "service_principals: { taxi-staging: { groups: ["+d.of("taxi-principals", "ml-engineers", "taxi-principals, ml-engineers")+"], entitlements: ["+d.of("", "workspace-access", "workspace-access, allow-cluster-create")+"], users: ["+d.of("", "'group:ml-engineers'", "'group:ml-engineers', 'group:taxi-principals'")+"]"+d.of("", ", directory: /Shared/taxi", ", directory: /Shared/theirs")+" } }\n")
	b.WriteString("groups:\n  ml-engineers: { exists: true }\n  taxi-principals: " + d.of("{}", "{ members: ['group:others'] }", "{ members: ['service_principal:somebody-elses'], exclusive: true }") + "\n")
	b.WriteString("catalogs:\n")
	for _, target := range targets {
		fmt.Fprintf(&b, "  %s:\n    schemas: { taxi: %s }\n", target, d.of("{}", "{ comment: fares }"))
		d.maybe(&b, "    isolated_to: ["+target+"]\n")
		d.maybe(&b, "    comment: "+d.of("one", "two")+"\n")
	}
	fmt.Fprintf(&b, "permissions:\n  - { grant: training, targets: [%s], schema: taxi }\n", strings.Join(targets, ", "))
	d.maybe(&b, "  - { grant: batch_inference, targets: ["+targets[len(targets)-1]+"], input: shared.batch_input, output: shared.predictions }\n")
	d.maybe(&b, "  - { principal: 'group:ml-engineers', on: 'schema:staging.taxi', privileges: ["+d.of("USE_SCHEMA", "USE_SCHEMA, SELECT")+"] }\n")
	d.maybe(&b, "  - { principal: 'group:ml-engineers', target: staging, on: 'directory:/Shared/"+d.of("taxi", "theirs")+"', level: "+d.of("CAN_READ", "CAN_EDIT")+", exclusive: "+d.of("false", "true")+" }\n")
	d.maybe(&b, "  - { principal: 'group:others', target: staging, on: 'experiment:/Shared/theirs/fares', level: "+d.of("CAN_READ", "CAN_MANAGE")+" }\n")
	d.maybe(&b, "secrets:\n  WORKFLOW_TOKEN: { env: MLOPS_WORKFLOW_TOKEN }\n  CLIENT_SECRET: { environment: staging, oauth_secret: { target: staging, lifetime: 90d }, rotate_before: 14d }\n")
	d.maybe(&b, "variables: { OWNER: "+d.of("a", "b")+" }\n")
	return b.String()
}

type draw struct {
	t    *rapid.T
	name string
}

func (d draw) of(choices ...string) string { return choices[d.pick("choice", len(choices))] }

func (d draw) pick(what string, n int) int { return rapid.IntRange(0, n-1).Draw(d.t, d.name+": "+what) }

func (d draw) maybe(b *strings.Builder, text string) {
	if rapid.Bool().Draw(d.t, d.name+": "+strings.TrimSpace(text)) {
		b.WriteString(text)
	}
}

// noDuplicates looks for two objects of one natural key, where the services allow them.
func (w *world) noDuplicates() {
	w.t.Helper()
	list := w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100", nil)
	w.unique("principals", list["Resources"], "displayName")
	w.unique("rulesets", w.send("GET", repo+"/rulesets?per_page=100", nil)["items"], "name")
	for _, t := range w.stack.Targets {
		id, _ := w.principal(t.ServicePrincipal)
		policies := w.send("GET", account+"/servicePrincipals/"+id+"/federationPolicies", nil)["policies"]
		w.unique("policies of "+t.ServicePrincipal, policies, "oidc_policy")
	}
}

func (w *world) unique(what string, list any, key string) {
	w.t.Helper()
	items, _ := list.([]any)
	var names []string
	for _, item := range items {
		o, _ := item.(map[string]any)
		names = append(names, fmt.Sprint(o[key]))
	}
	slices.Sort(names)
	if n := len(slices.Compact(slices.Clone(names))); n != len(names) {
		w.t.Fatalf("duplicate %s: %q", what, names)
	}
}

// foreign describes what others own.
func (w *world) foreign() string {
	w.t.Helper()
	ucStaging := "https://staging.cloud.databricks.com/api/2.1/unity-catalog"
	parts := []any{
		w.send("GET", account+"/scim/v2/Groups?startIndex=1&count=100&filter=displayName%20ne%20%22taxi-principals%22", nil),
		w.send("GET", account+"/scim/v2/Groups/"+w.group("others"), nil),
		w.send("GET", account+"/scim/v2/ServicePrincipals?startIndex=1&count=100&filter=displayName%20eq%20%22somebody-elses%22", nil),
		w.send("GET", ucStaging+"/catalogs/theirs", nil),
		w.send("GET", ucStaging+"/schemas?catalog_name=theirs", nil),
		w.send("GET", ucStaging+"/permissions/catalog/theirs", nil),
		w.send("GET", "https://staging.cloud.databricks.com/api/2.0/workspace/get-status?path=/Shared/theirs", nil),
	}
	return fmt.Sprint(parts...)
}
