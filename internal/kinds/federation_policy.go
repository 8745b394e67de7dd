package kinds

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/databricks"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

// federationPolicyKind is what lets a target's CI job log in without a secret.
var federationPolicyKind = resource.Kind[*databricks.Fleet, federationPolicy]{
	Name:         "federation_policy",
	Doc:          "Which GitHub Actions jobs may log in as a service principal, with no secret at all.",
	Identity:     []string{"principal", "principal_id", "policy_id", "target"},
	LiveIdentity: []string{"principal_id", "policy_id", "uid"},
	Touched:      touchedFederationPolicy,
	Declare:      declareFederationPolicies,
	Read:         readFederationPolicy,
	Create:       createFederationPolicy,
	Update:       updateFederationPolicy,
	Delete:       deleteFederationPolicy,
	Find: func(ctx context.Context, f *databricks.Fleet, want federationPolicy) (federationPolicy, bool, error) {
		f.Forget()
		return found(readFederationPolicy(ctx, f, want))
	},
	Marked: func(stack string, have federationPolicy) bool {
		return have.PolicyID == policyID(stack, have.Target) ||
			have.PolicyID == plainPolicyID(stack, have.Target) && strings.HasSuffix(have.Description, descriptionEnd(have.Target))
	},
	// Its id stays, whatever the stack or the target is called now.
	Moved: func(want, was federationPolicy) federationPolicy {
		want.PolicyID = was.PolicyID
		return want
	},
}

type federationPolicy struct {
	Principal    string        `json:"principal"`
	PrincipalID  resource.Text `json:"principal_id"`
	PolicyID     string        `json:"policy_id"`
	Target       string        `json:"target"`
	UID          string        `json:"uid,omitempty"` // of this one, and of no other that was made under its id
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
				Target:       t.Name,
				Description:  fmt.Sprintf("GitHub Actions of %s/%s%s", w.Git.Owner, w.Git.Name, descriptionEnd(t.Name)),
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
	return append(decls, checkersPolicies(w)...)
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

func descriptionEnd(target string) string { return fmt.Sprintf(" for target %s, by mlopsctl", target) }

// longestPolicyID is Databricks' limit; shorter than 2 no id of ours can be.
const longestPolicyID = 63

// policyID returns the id of a target's policy, which is no other target's: a stack a-b with a target c
// and a stack a with a target b-c may share a principal. So a target's name that has a hyphen, or could be
// taken for a checksum, is told by a checksum of both names.
func policyID(stack, target string) string {
	if !strings.Contains(target, "-") && !isChecksum(target) {
		return plainPolicyID(stack, target)
	}
	return shortened("mlopsctl-"+stack+"-"+target, checksum(stack+"/"+target))
}

// plainPolicyID returns mlopsctl-STACK-TARGET in the letters that Databricks takes. Where that changes it,
// a few digits of its checksum keep two targets apart.
func plainPolicyID(stack, target string) string {
	plain := "mlopsctl-" + stack + "-" + target
	if id := inPolicyLetters(plain); id == plain && len(id) <= longestPolicyID {
		return id
	}
	return shortened(plain, checksum(plain))
}

func shortened(plain, sum string) string {
	id := inPolicyLetters(plain)
	return id[:min(len(id), longestPolicyID-1-len(sum))] + "-" + sum
}

func inPolicyLetters(plain string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		default:
			return '-'
		}
	}, strings.ToLower(plain))
}

func checksum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:4])
}

// isChecksum recognises what checksum returns, in any case.
var isChecksum = regexp.MustCompile(`^[0-9a-fA-F]{8}$`).MatchString

func readFederationPolicy(ctx context.Context, f *databricks.Fleet, want federationPolicy) (federationPolicy, error) {
	if !f.HasAccount() {
		return federationPolicy{}, &resource.Blocked{Reason: want.request()}
	}
	live, err := f.FederationPolicies(ctx, want.PrincipalID.Value)
	if err != nil {
		return federationPolicy{}, wentWithPrincipal(ctx, f, want, err)
	}
	for _, p := range live {
		if p.ID == want.PolicyID {
			return want.seen(p), nil
		}
	}
	if want.UID != "" {
		return federationPolicy{}, resource.ErrNotFound // it was there once; another one that serves is not it
	}
	for _, p := range live {
		if p.Description == want.Description { // it was made under another name of the stack or the target
			return want.seen(p), nil
		}
	}
	for _, p := range live {
		if want.isServedBy(p) {
			return want.seen(databricks.FederationPolicy{
				ID: p.ID, UID: p.UID, Description: want.Description, Issuer: p.Issuer, Subject: p.Subject,
				SubjectClaim: p.SubjectClaim, Audiences: want.Audiences, Keys: p.Keys,
			}), nil
		}
	}
	return federationPolicy{}, resource.ErrNotFound
}

// wentWithPrincipal says of a policy that was there once, and cannot be listed, whether its principal is
// gone: then it is, too.
func wentWithPrincipal(ctx context.Context, f *databricks.Fleet, have federationPolicy, err error) error {
	if have.UID == "" {
		return err
	}
	if _, look := f.Principal(ctx, have.PrincipalID.Value); errors.Is(look, resource.ErrNotFound) {
		return look
	}
	return err
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
		Principal: want.Principal, PrincipalID: want.PrincipalID, PolicyID: p.ID, Target: want.Target, UID: p.UID, Description: p.Description,
		Issuer: resource.Known(p.Issuer), Subject: resource.Known(p.Subject), SubjectClaim: p.SubjectClaim, Audiences: p.Audiences,
		Keys: p.Keys,
	}
}

func createFederationPolicy(ctx context.Context, f *databricks.Fleet, want federationPolicy) (federationPolicy, error) {
	made, err := f.CreateFederationPolicy(ctx, want.PrincipalID.Value, want.wire(want.PolicyID))
	if err != nil {
		return federationPolicy{}, err
	}
	return want.seen(made), nil
}

func updateFederationPolicy(ctx context.Context, f *databricks.Fleet, have, want federationPolicy) (federationPolicy, error) {
	made, err := f.UpdateFederationPolicy(ctx, want.PrincipalID.Value, want.wire(have.PolicyID))
	if err != nil {
		return federationPolicy{}, err
	}
	return want.seen(made), nil
}

// deleteFederationPolicy deletes the policy that was seen, and not one that has its id since.
func deleteFederationPolicy(ctx context.Context, f *databricks.Fleet, have federationPolicy) error {
	f.ForgetFederationPolicies(have.PrincipalID.Value)
	live, err := f.FederationPolicies(ctx, have.PrincipalID.Value)
	if err != nil {
		err = wentWithPrincipal(ctx, f, have, err)
	}
	if errors.Is(err, resource.ErrNotFound) {
		return nil
	}
	i := slices.IndexFunc(live, func(p databricks.FederationPolicy) bool { return p.ID == have.PolicyID })
	switch {
	case err == nil && i < 0:
		return nil
	case err == nil && live[i].UID != have.UID:
		err = fmt.Errorf("%w: another policy has that id now", resource.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("deleting federation policy %s of principal %s: %w", have.PolicyID, have.PrincipalID.Value, err)
	}
	return f.DeleteFederationPolicy(ctx, have.PrincipalID.Value, have.PolicyID)
}

func (want federationPolicy) wire(id string) databricks.FederationPolicy {
	return databricks.FederationPolicy{
		ID: id, Description: want.Description, Issuer: want.Issuer.Value, Subject: want.Subject.Value,
		SubjectClaim: want.SubjectClaim, Audiences: want.Audiences, Keys: want.Keys,
	}
}
