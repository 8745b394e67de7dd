package kinds

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/diag"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// servicePrincipalKind is an identity of the account. It is found by its name, which is not unique there.
var servicePrincipalKind = resource.Kind[*databricks.Fleet, servicePrincipal]{
	Name: "service_principal",
	Doc:  "A service principal of the Databricks account, as which a target's jobs and its CI run.",
	// application_id is what picks one of several with one name; it is never changed.
	Identity:     []string{"display_name", "hosts", "application_id", "id", "former"},
	LiveIdentity: []string{"application_id"},
	Guard:        resource.AccessLoss,
	Declare:      declareServicePrincipals,
	Read:         readServicePrincipal,
	Create:       createServicePrincipal,
	Update:       updateServicePrincipal,
	Delete: func(ctx context.Context, f *databricks.Fleet, have servicePrincipal) error {
		return f.DeletePrincipal(ctx, have.ID)
	},
	Find: findServicePrincipal,
	// Without an account none is made, or deleted.
	Foreign: func(want servicePrincipal) bool { return len(want.Hosts) > 0 },
	Moved: func(want, was servicePrincipal) servicePrincipal {
		want.ID, want.Former, want.Called = was.ID, was.DisplayName, want.DisplayName
		return want
	},
}

type servicePrincipal struct {
	DisplayName   string   `json:"display_name"`
	Hosts         []string `json:"hosts,omitempty"` // where it is looked up when the spec has no account
	ApplicationID string   `json:"application_id,omitempty"`
	Active        bool     `json:"active"`
	ID            string   `json:"id,omitempty"`
	Former        string   `json:"former,omitempty"` // called so until now; then its id finds it, if it is still there
	Called        string   `json:"called,omitempty"` // of one that was renamed in the spec: the name that it has
}

func declareServicePrincipals(w resource.Wishes) []resource.Decl[servicePrincipal] {
	var decls []resource.Decl[servicePrincipal]
	declare := func(name string, at diag.Pos) {
		addr := principalAddr(name)
		if slices.ContainsFunc(decls, func(d resource.Decl[servicePrincipal]) bool { return d.Addr == addr }) {
			return
		}
		want := servicePrincipal{DisplayName: name, Active: true, ApplicationID: pickedID(w, name)}
		if w.Account == nil {
			want.Hosts = hostsOf(w, name)
		}
		decls = append(decls, resource.Decl[servicePrincipal]{Addr: addr, Want: want, At: at})
	}
	for _, t := range w.Targets {
		if t.ServicePrincipal != "" {
			declare(t.ServicePrincipal, w.At("targets", t.Name, "service_principal"))
		}
	}
	for _, p := range w.ServicePrincipals {
		declare(p.Name, w.At("service_principals", p.Name))
	}
	if reader := w.ReadBy(); reader != "" {
		declare(reader, w.At("ci", "reader"))
	}
	if operator := w.AppliedBy(); operator != "" {
		declare(operator, w.At("ci", "operator"))
	}
	return decls
}

func principalAddr(name string) resource.Addr {
	return resource.Addr{Kind: "service_principal", Name: name}
}

func pickedID(w resource.Wishes, name string) string {
	for _, p := range w.ServicePrincipals {
		if p.Name == name {
			return p.ID
		}
	}
	return ""
}

// hostsOf returns the workspaces of the targets that use a principal, and all of the spec's for one
// that none uses.
func hostsOf(w resource.Wishes, name string) []string {
	var own, all []string
	for _, t := range w.Targets {
		if t.Host == "" {
			continue
		}
		all = append(all, t.Host)
		if t.ServicePrincipal == name {
			own = append(own, t.Host)
		}
	}
	if len(own) == 0 {
		own = all
	}
	slices.Sort(own)
	return slices.Compact(own)
}

func readServicePrincipal(ctx context.Context, f *databricks.Fleet, want servicePrincipal) (servicePrincipal, error) {
	if want.ID != "" && f.HasAccount() {
		p, err := f.Principal(ctx, want.ID)
		if err == nil {
			if want.Former == "" {
				want.DisplayName = p.DisplayName // whatever was recorded: somebody else may have written that
			}
			return want.seen(f, p)
		}
		if want.Former == "" || !errors.Is(err, resource.ErrNotFound) {
			return servicePrincipal{}, err
		}
	}
	return readNamedPrincipal(ctx, f, want)
}

func readNamedPrincipal(ctx context.Context, f *databricks.Fleet, want servicePrincipal) (servicePrincipal, error) {
	live, err := livePrincipals(ctx, f, want)
	if err != nil {
		return servicePrincipal{}, err
	}
	if want.ApplicationID != "" {
		live = slices.DeleteFunc(live, func(p databricks.Principal) bool {
			return !strings.EqualFold(p.ApplicationID, want.ApplicationID)
		})
	}
	switch {
	case len(live) > 1:
		return servicePrincipal{}, ambiguous(want.DisplayName, live)
	case len(live) == 1:
		return want.seen(f, live[0])
	case want.ApplicationID != "":
		return servicePrincipal{}, &resource.Blocked{Reason: fmt.Sprintf(
			"no service principal %q has the application id %s that `service_principals.%s.id` names; Databricks gives out application ids, so it cannot be made with that one",
			want.DisplayName, want.ApplicationID, want.DisplayName)}
	case !f.HasAccount():
		return servicePrincipal{}, &resource.Blocked{Reason: fmt.Sprintf(
			"%s shows no service principal %q, and without `account:` none is made; ask an administrator of the Databricks account: create the service principal %q and assign it to %s",
			strings.Join(want.Hosts, ", "), want.DisplayName, want.DisplayName, strings.Join(want.Hosts, " and "))}
	default:
		return servicePrincipal{}, resource.ErrNotFound
	}
}

// livePrincipals returns the principals of the wished name: the account's, or those that the wished
// workspaces show, each once. A workspace that may not be asked matters only if no other shows it.
func livePrincipals(ctx context.Context, f *databricks.Fleet, want servicePrincipal) ([]databricks.Principal, error) {
	if f.HasAccount() {
		return f.Principals(ctx, "", want.DisplayName)
	}
	var live []databricks.Principal
	var failures []error
	for _, host := range want.Hosts {
		found, err := f.Principals(ctx, host, want.DisplayName)
		if err != nil {
			failures = append(failures, err)
		}
		for _, p := range found {
			if !slices.ContainsFunc(live, func(q databricks.Principal) bool { return q.ApplicationID == p.ApplicationID }) {
				live = append(live, p)
			}
		}
	}
	if len(live) == 0 {
		return nil, errors.Join(failures...)
	}
	return live, nil
}

func ambiguous(name string, live []databricks.Principal) error {
	ids := make([]string, 0, len(live))
	for _, p := range live {
		ids = append(ids, p.ApplicationID)
	}
	slices.Sort(ids)
	return fmt.Errorf("%d service principals are called %q: %s; set `service_principals.%s.id` to the application id of the one that is meant",
		len(live), name, strings.Join(ids, ", "), name)
}

func (want servicePrincipal) seen(f *databricks.Fleet, p databricks.Principal) (servicePrincipal, error) {
	if !p.Active && !f.HasAccount() {
		return servicePrincipal{}, &resource.Blocked{Reason: fmt.Sprintf(
			"service principal %q is switched off; ask an administrator of the Databricks account: activate the service principal with the application id %s",
			want.DisplayName, p.ApplicationID)}
	}
	have := servicePrincipal{DisplayName: want.DisplayName, Hosts: want.Hosts, ApplicationID: p.ApplicationID, Active: p.Active, ID: p.ID}
	if want.Called != "" {
		have.Called = p.DisplayName
	}
	return have, nil
}

// createServicePrincipal looks once more before it makes one: since the plan was made, and approved,
// somebody else may have, and two principals of one name do not clash.
func createServicePrincipal(ctx context.Context, f *databricks.Fleet, want servicePrincipal) (servicePrincipal, error) {
	_, there, err := findServicePrincipal(ctx, f, want)
	if err != nil {
		return servicePrincipal{}, err
	}
	if there {
		return servicePrincipal{}, fmt.Errorf("service principal %s: %w", want.DisplayName, resource.ErrExists)
	}
	made, err := f.CreatePrincipal(ctx, want.DisplayName)
	if err != nil {
		return servicePrincipal{}, err
	}
	return yield(ctx, f, want, made)
}

// yield looks whether another stack made a principal of that name at the same moment, when each had found none.
// Both see both by now, and the one with the higher id, which is younger, takes its own back: nothing knows
// of it yet.
func yield(ctx context.Context, f *databricks.Fleet, want servicePrincipal, made databricks.Principal) (servicePrincipal, error) {
	f.ForgetPrincipals()
	live, err := livePrincipals(ctx, f, want)
	if err != nil {
		return want.seen(f, made) // it was made, which counts; the next plan sees what else there is
	}
	older := slices.ContainsFunc(live, func(p databricks.Principal) bool {
		return len(p.ID) < len(made.ID) || len(p.ID) == len(made.ID) && p.ID < made.ID
	})
	if !older {
		return want.seen(f, made)
	}
	if err := f.DeletePrincipal(ctx, made.ID); err != nil {
		return servicePrincipal{}, fmt.Errorf("taking back service principal %s, as another of that name was made at the same moment: %w", made.ApplicationID, err)
	}
	f.ForgetPrincipals()
	return servicePrincipal{}, fmt.Errorf("service principal %s: %w", want.DisplayName, resource.ErrExists)
}

// updateServicePrincipal switches a principal on, and gives one that was renamed in the spec its name.
func updateServicePrincipal(ctx context.Context, f *databricks.Fleet, have, want servicePrincipal) (servicePrincipal, error) {
	if !have.Active {
		if err := f.ActivatePrincipal(ctx, have.ID); err != nil {
			return servicePrincipal{}, err
		}
		have.Active = true
	}
	if want.Called != "" && have.Called != want.Called {
		if err := f.RenamePrincipal(ctx, have.ID, want.Called); err != nil {
			return servicePrincipal{}, err
		}
		have.DisplayName, have.Called = want.Called, want.Called
	}
	return have, nil
}

// findServicePrincipal looks for what somebody else, or a create with a lost answer, may have made since
// the last look: a create would make a second principal of the same name.
func findServicePrincipal(ctx context.Context, f *databricks.Fleet, want servicePrincipal) (servicePrincipal, bool, error) {
	f.ForgetPrincipals()
	return found(readServicePrincipal(ctx, f, want))
}
