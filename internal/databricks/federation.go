package databricks

import (
	"context"
	"fmt"
	"net/http"
	"slices"

	"github.com/databricks/databricks-sdk-go/service/oauth2"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// FederationPolicy says which tokens of another issuer a service principal may log in with.
type FederationPolicy struct {
	ID, Description string
	UID             string // the service's, of this policy and no other one under its ID
	Issuer, Subject string
	SubjectClaim    string   // the claim that holds the subject; the service's default is sub
	Audiences       []string // sorted; the service's default is the account's id
	UpdatedAt       string   // as the service writes it
	Keys            string   // IssuerKeys or GivenKeys; "" in an update leaves them as they are
}

// Whose keys a token's signature is checked with: the issuer's, which Databricks fetches from it, or
// some that were given with the policy, for an issuer that Databricks cannot reach.
const (
	IssuerKeys = "issuer"
	GivenKeys  = "given"
)

// FederationPolicies returns the policies of a service principal, by its numeric id.
func (f *Fleet) FederationPolicies(ctx context.Context, principalID string) ([]FederationPolicy, error) {
	return memo.Recall(ctx, &f.memo, "federation/"+principalID, func(ctx context.Context) ([]FederationPolicy, error) {
		api, principal, err := f.federationAPI(principalID)
		if err != nil {
			return nil, err
		}
		list, err := api.ListAll(ctx, oauth2.ListServicePrincipalFederationPoliciesRequest{ServicePrincipalId: principal})
		if err != nil {
			return nil, fmt.Errorf("reading the federation policies of principal %s: %w", principalID, misplaced(bare(err)))
		}
		f.trusted.Store(true)
		all := make([]FederationPolicy, 0, len(list))
		for _, p := range list {
			all = append(all, f.policy(p))
		}
		return all, nil
	})
}

// ForgetFederationPolicies makes the next look at a principal's policies one at live state.
func (f *Fleet) ForgetFederationPolicies(principalID string) {
	f.memo.Drop("federation/" + principalID)
}

// CreateFederationPolicy makes a policy under p.ID, which no other policy of the principal may bear.
func (f *Fleet) CreateFederationPolicy(ctx context.Context, principalID string, p FederationPolicy) (FederationPolicy, error) {
	api, principal, err := f.federationAPI(principalID)
	if err != nil {
		return FederationPolicy{}, err
	}
	defer f.memo.Drop("federation/" + principalID)
	made, err := api.Create(ctx, oauth2.CreateServicePrincipalFederationPolicyRequest{
		ServicePrincipalId: principal, PolicyId: p.ID, Policy: p.wire(),
	})
	if err != nil {
		return FederationPolicy{}, fmt.Errorf("creating federation policy %s of principal %s: %w", p.ID, principalID, bare(err))
	}
	return f.policy(*made), nil
}

// What an update sets: the whole rule, so that keys which were given go; or all of it but the keys.
const (
	wholePolicy = "description,oidc_policy"
	butTheKeys  = "description,oidc_policy.issuer,oidc_policy.audiences,oidc_policy.subject,oidc_policy.subject_claim"
)

// UpdateFederationPolicy brings the policy of p.ID to p.
func (f *Fleet) UpdateFederationPolicy(ctx context.Context, principalID string, p FederationPolicy) (FederationPolicy, error) {
	c, err := f.onAccount()
	if err != nil {
		return FederationPolicy{}, err
	}
	defer f.memo.Drop("federation/" + principalID)
	mask := butTheKeys
	if p.Keys == IssuerKeys {
		mask = wholePolicy
	}
	var made oauth2.FederationPolicy
	err = send(ctx, c, request{
		method: http.MethodPatch, query: map[string]any{"update_mask": mask}, body: p.wire(),
		path: route("/api/2.0/accounts", f.AccountID(), "servicePrincipals", principalID, "federationPolicies", p.ID),
	}, &made)
	if err != nil {
		return FederationPolicy{}, fmt.Errorf("changing federation policy %s of principal %s: %w", p.ID, principalID, err)
	}
	return f.policy(made), nil
}

// DeleteFederationPolicy deletes a policy. Tokens that were exchanged live on for up to an hour.
func (f *Fleet) DeleteFederationPolicy(ctx context.Context, principalID, id string) error {
	c, err := f.onAccount()
	if err != nil {
		return err
	}
	defer f.memo.Drop("federation/" + principalID)
	err = send(ctx, c, request{
		method: http.MethodDelete,
		path:   route("/api/2.0/accounts", f.AccountID(), "servicePrincipals", principalID, "federationPolicies", id),
	}, nil)
	if ignoreMissing(err) != nil {
		return fmt.Errorf("deleting federation policy %s of principal %s: %w", id, principalID, err)
	}
	return nil
}

func (f *Fleet) federationAPI(principalID string) (*oauth2.ServicePrincipalFederationPolicyAPI, int64, error) {
	c, err := f.onAccount()
	if err != nil {
		return nil, 0, err
	}
	n, err := number("principal", principalID)
	return oauth2.NewServicePrincipalFederationPolicy(c), n, err
}

func (p FederationPolicy) wire() oauth2.FederationPolicy {
	return oauth2.FederationPolicy{Description: p.Description, OidcPolicy: &oauth2.OidcFederationPolicy{
		Issuer: p.Issuer, Subject: p.Subject, SubjectClaim: p.SubjectClaim, Audiences: p.Audiences,
	}}
}

// policy returns a policy with what the service leaves to its defaults said.
func (f *Fleet) policy(p oauth2.FederationPolicy) FederationPolicy {
	out := FederationPolicy{ID: p.PolicyId, UID: p.Uid, Description: p.Description, SubjectClaim: "sub", Keys: IssuerKeys, UpdatedAt: p.UpdateTime}
	if p.OidcPolicy != nil {
		out.Issuer, out.Subject = p.OidcPolicy.Issuer, p.OidcPolicy.Subject
		out.Audiences = slices.Sorted(slices.Values(p.OidcPolicy.Audiences))
		if p.OidcPolicy.SubjectClaim != "" {
			out.SubjectClaim = p.OidcPolicy.SubjectClaim
		}
		if p.OidcPolicy.JwksJson != "" || p.OidcPolicy.JwksUri != "" {
			out.Keys = GivenKeys
		}
	}
	if len(out.Audiences) == 0 {
		out.Audiences = []string{f.AccountID()}
	}
	return out
}
