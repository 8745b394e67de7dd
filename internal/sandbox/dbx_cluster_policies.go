package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// dbxClusterPolicy is a policy for clusters. Nothing of it is made here: administrators make them.
type dbxClusterPolicy struct {
	ID   string `json:"id"`
	Name string `json:"name"` // unique in its workspace
}

func (s *Sandbox) clusterPolicyRoutes() {
	s.onWorkspace(http.MethodGet, "/api/2.0/policies/clusters/list", (*dbxCall).listClusterPolicies)
}

func (p *dbxClusterPolicy) object() accessObject {
	return accessObject{Type: "cluster-policies", ID: p.ID}
}

// addClusterPolicy keeps a policy.
func (s *Sandbox) addClusterPolicy(w *dbxWorkspace, name string) *dbxClusterPolicy {
	p := &dbxClusterPolicy{ID: fmt.Sprintf("%016X", s.state.objectID()), Name: name}
	w.ClusterPolicies = append(w.ClusterPolicies, p)
	return p
}

// listClusterPolicies shows the policies that the caller may use, all in one answer.
func (c *dbxCall) listClusterPolicies() (any, error) {
	list := []dbxObject{}
	for _, p := range c.at.ClusterPolicies {
		if c.may(p.object(), "", canUse) {
			list = append(list, dbxObject{"policy_id": p.ID, "name": p.Name, "definition": "{}"})
		}
	}
	slices.SortFunc(list, func(a, b dbxObject) int { return strings.Compare(a["name"].(string), b["name"].(string)) })
	return dbxObject{"policies": list}, nil
}
