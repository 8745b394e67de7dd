package kinds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// federationPolicyKind is what lets a target's CI job log in without a secret.
var federationPolicyKind = resource.Kind[*databricks.Fleet, federationPolicy]{
	Name:     "federation_policy",
	Doc:      "Which GitHub Actions jobs may log in as a service principal, with no secret at all.",
	Identity: []string{"principal", "principal_id", "policy_id"},
	Declare:  declareFederationPolicies,
	Read:     readFederationPolicy,
	Create:   createFederationPolicy,
	Update:   updateFederationPolicy,
	Delete: func(ctx context.Context, f *databricks.Fleet, have federationPolicy) error {
		return f.DeleteFederationPolicy(ctx, have.PrincipalID.Value, have.PolicyID)
	},
	Find: func(ctx context.Context, f *databricks.Fleet, want federationPolicy) (federationPolicy, bool, error) {
		f.Forget()
		return found(readFederationPolicy(ctx, f, want))
	},
}

type federationPolicy struct {
	Principal    string        `json:"principal"`
	PrincipalID  resource.Text `json:"principal_id"`
	PolicyID     string        `json:"policy_id"`
	Description  string        `json:"description"`
	Issuer       resource.Text `json:"issuer"`
	Subject      resource.Text `json:"subject"`
	SubjectClaim string        `json:"subject_claim"`
	Audiences    []string      `json:"audiences"`
	Keys         string        `json:"keys,omitempty"` // absent: not managed
}

func declareFederationPolicies(w resource.Wishes) []resource.Decl[federationPolicy] {
	var decls []resource.Decl[federationPolicy]
	for _, t := range w.Targets {
		if !logsInByOIDC(t) || t.Host == "" || t.Environment == nil && t.Branch == "" {
			continue
		}
		login := branchAddr(t.Branch)
		if t.Environment != nil {
			login = environmentAddr(t.Name)
		}
		decls = append(decls, resource.Decl[federationPolicy]{
			Addr: resource.Addr{Kind: "federation_policy", Scope: t.ServicePrincipal, Name: t.Name},
			Want: federationPolicy{
				Principal:    t.ServicePrincipal,
				PrincipalID:  resource.From(principalAddr(t.ServicePrincipal), "id"),
				PolicyID:     policyID(w.Name, t.Name),
				Description:  fmt.Sprintf("GitHub Actions of %s/%s for target %s, by mlopsctl", w.Git.Owner, w.Git.Name, t.Name),
				Issuer:       resource.From(login, "oidc_issuer"),
				Subject:      resource.From(login, "oidc_subject"),
				SubjectClaim: "sub",
				Audiences:    audiences(w.Account, t.Host),
				Keys:         keysOf(w.Git.Host),
			},
			Needs: []resource.Need{{
				Addr: login.String(), Why: "what a job must be to log in is settled there first",
			}},
			At: w.At("targets", t.Name, "ci_auth"),
		})
	}
	return decls
}

// audiences are what a job's token may be meant for. Which of the two a client asks for depends on its
// version and on what the host tells about itself.
func audiences(a *spec.Account, host string) []string {
	list := []string{host + "/oidc/v1/token"}
	if a != nil {
		list = append(list, a.ID)
	}
	slices.Sort(list)
	return list
}

// keysOf returns whose keys sign the tokens. GitHub's own issuers are open to Databricks, and keys given
// for them would let others in; an Enterprise Server may be out of its reach, so that keys are given.
func keysOf(gitHost string) string {
	if gitHost == "https://github.com" || strings.HasSuffix(gitHost, ".ghe.com") {
		return databricks.IssuerKeys
	}
	return ""
}

// longestPolicyID is Databricks' limit; shorter than 2 no id of ours can be.
const longestPolicyID = 63

// policyID returns mlopsctl-STACK-TARGET in the letters that Databricks takes. Where that changes it,
// a few digits of its checksum keep two targets apart.
func policyID(stack, target string) string {
	plain := "mlopsctl-" + stack + "-" + target
	id := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		default:
			return '-'
		}
	}, strings.ToLower(plain))
	if id == plain && len(id) <= longestPolicyID {
		return id
	}
	sum := sha256.Sum256([]byte(plain))
	suffix := "-" + hex.EncodeToString(sum[:4])
	return id[:min(len(id), longestPolicyID-len(suffix))] + suffix
}

func readFederationPolicy(ctx context.Context, f *databricks.Fleet, want federationPolicy) (federationPolicy, error) {
	if !f.HasAccount() {
		return federationPolicy{}, &resource.Blocked{Reason: want.request()}
	}
	live, err := f.FederationPolicies(ctx, want.PrincipalID.Value)
	if err != nil {
		return federationPolicy{}, err
	}
	for _, p := range live {
		if p.ID == want.PolicyID {
			return want.seen(p), nil
		}
	}
	for _, p := range live {
		if want.isServedBy(p) {
			return want.seen(databricks.FederationPolicy{
				ID: p.ID, Description: want.Description, Issuer: p.Issuer, Subject: p.Subject,
				SubjectClaim: p.SubjectClaim, Audiences: want.Audiences, Keys: p.Keys,
			}), nil
		}
	}
	return federationPolicy{}, resource.ErrNotFound
}

// request is what to send to whoever administers the account.
func (want federationPolicy) request() string {
	return fmt.Sprintf("a federation policy lies in the Databricks account, which the spec does not name (`account:`); ask an administrator of the account: "+
		"give the service principal %q (id %s) a federation policy with issuer %s, subject %s and the audiences %s",
		want.Principal, want.PrincipalID.Value, orLater(want.Issuer), orLater(want.Subject), strings.Join(want.Audiences, ", "))
}

func orLater(t resource.Text) string {
	if t.Value == "" {
		return "(known once the repository is there)"
	}
	return t.Value
}

// isServedBy reports whether somebody else's policy lets the target's jobs in already.
func (want federationPolicy) isServedBy(p databricks.FederationPolicy) bool {
	return want.Issuer.Value != "" && p.Issuer == want.Issuer.Value && p.Subject == want.Subject.Value &&
		p.SubjectClaim == want.SubjectClaim && (want.Keys == "" || p.Keys == want.Keys) &&
		!slices.ContainsFunc(want.Audiences, func(a string) bool { return !slices.Contains(p.Audiences, a) })
}

func (want federationPolicy) seen(p databricks.FederationPolicy) federationPolicy {
	return federationPolicy{
		Principal: want.Principal, PrincipalID: want.PrincipalID, PolicyID: p.ID, Description: p.Description,
		Issuer: resource.Known(p.Issuer), Subject: resource.Known(p.Subject), SubjectClaim: p.SubjectClaim, Audiences: p.Audiences,
		Keys: p.Keys,
	}
}

func createFederationPolicy(ctx context.Context, f *databricks.Fleet, want federationPolicy) (federationPolicy, error) {
	made, err := f.CreateFederationPolicy(ctx, want.PrincipalID.Value, want.wire())
	if err != nil {
		return federationPolicy{}, err
	}
	return want.seen(made), nil
}

func updateFederationPolicy(ctx context.Context, f *databricks.Fleet, _, want federationPolicy) (federationPolicy, error) {
	made, err := f.UpdateFederationPolicy(ctx, want.PrincipalID.Value, want.wire())
	if err != nil {
		return federationPolicy{}, err
	}
	return want.seen(made), nil
}

func (want federationPolicy) wire() databricks.FederationPolicy {
	return databricks.FederationPolicy{
		ID: want.PolicyID, Description: want.Description, Issuer: want.Issuer.Value, Subject: want.Subject.Value,
		SubjectClaim: want.SubjectClaim, Audiences: want.Audiences, Keys: want.Keys,
	}
}
