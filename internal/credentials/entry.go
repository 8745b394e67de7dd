package credentials

import (
	"cmp"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/github"
	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// Entry is one secret of a stack, or one Git credential, as the command that lists them shows it. Zero times are not
// known.
type Entry struct {
	There     bool
	Address   string
	Source    string // env:NAME, file:PATH, command:PROGRAM, oauth_secret of PRINCIPAL and the like
	Place     string // where GitHub has it: the name, and the environment; or the provider that it is for
	Workspace string // that it logs in to
	Recorded  bool   // by the ledger
	StoredAt  time.Time
	ExpiresAt time.Time
	Renewed   time.Time // when it is due by its age
	RemoteID  string    // of the OAuth secret that is stored, or that the token came from
	Replaced  []ledger.Replaced
	Need      Need // with its reason
	Renew     string
}

// Entry returns the entry of the secret at a place, of which a plan has seen what is stored; the zero Stored
// is a secret that is not there.
func (v *Vault) Entry(p github.Place, s Source, stored Stored) Entry {
	record, recorded := v.record(addressOf(p, s))
	e := Entry{
		Address: addressOf(p, s), Source: s.String(), Place: p.String(), Workspace: s.Host, Recorded: recorded,
		StoredAt: latest(parsed(record.StoredAt), stored.UpdatedAt), ExpiresAt: stored.ExpiresAt,
		RemoteID: record.RemoteID, Replaced: record.Replaced, Need: stored.Need, Renew: stored.Renew,
	}
	e.There = !stored.UpdatedAt.IsZero()
	switch {
	case !e.There:
		e.StoredAt = time.Time{}
	case s.Issue == AccessToken:
		e.Renewed = e.ExpiresAt.Add(-spareToken)
	case s.Issue.lasts() && s.RotateBefore > 0 && !e.ExpiresAt.IsZero():
		e.Renewed = e.ExpiresAt.Add(-s.RotateBefore)
	case s.Issue == "" && s.RotateBefore > 0:
		e.Renewed = e.StoredAt.Add(s.RotateBefore)
	}
	return e
}

// GitEntry returns the entry of a Git credential, of which a plan has seen what is stored; one without an id is not
// there. Nothing shows when its token was stored but the ledger.
func (v *Vault) GitEntry(g GitCredential, stored StoredGit) Entry {
	record, recorded := v.record(g.Source.Address)
	e := Entry{
		There: stored.ID != "", Address: g.Source.Address, Source: g.Source.String(), Place: g.Provider + " for " + g.Source.Principal,
		Workspace: g.Source.Host, Recorded: recorded, RemoteID: stored.ID, Need: stored.Need, Renew: stored.Renew,
	}
	if e.There {
		e.StoredAt = parsed(record.StoredAt)
	}
	return e
}

// String names the source.
func (s Source) String() string {
	switch {
	case s.Issue != "":
		return string(s.Issue) + " of " + s.Principal
	case len(s.Command) > 0:
		return "command:" + s.Command[0]
	case s.Env != "":
		return "env:" + s.Env
	default:
		return "file:" + cmp.Or(s.File, "?")
	}
}
