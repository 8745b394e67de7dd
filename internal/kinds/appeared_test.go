package kinds

import (
	"errors"
	"net/http"
	"testing"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Databricks takes a second principal of one name, which nobody could tell from the first one.
func TestAPrincipalThatAppearedIsNotMadeTwice(t *testing.T) {
	r := newRig(t, fullWorld, fullSpec)
	f := r.fleet(writing())
	want := servicePrincipal{DisplayName: "appeared", Active: true, Hosts: []string{prodHost}}
	if _, err := readServicePrincipal(t.Context(), f, want); !errors.Is(err, resource.ErrNotFound) {
		t.Fatal(err)
	}
	if _, err := r.fleet(writing()).CreatePrincipal(t.Context(), want.DisplayName); err != nil { // by another hand
		t.Fatal(err)
	}
	creates := to(http.MethodPost, "/ServicePrincipals")
	before := len(r.sent(creates))
	if _, err := createServicePrincipal(t.Context(), f, want); !errors.Is(err, resource.ErrExists) {
		t.Errorf("it is %v; want that it is there", err)
	}
	if n := len(r.sent(creates)) - before; n > 0 {
		t.Errorf("%d were made and taken back", n)
	}
}
