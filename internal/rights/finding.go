package rights

// State is what is known of something that is needed.
type State string

// The states. Unchecked is what nobody can find out without writing, which is never tried.
const (
	OK        State = "ok"
	Missing   State = "missing"
	Unchecked State = "cannot_be_checked"
	Failed    State = "failed" // it is there, and is not what was promised
)

// Finding is something that is needed, and whether it is there.
type Finding struct {
	Host  string   `json:"host,omitempty"`
	Right *Right   `json:"right,omitempty"` // nil for what is no right: a login, a table, a value of this machine
	What  string   `json:"what"`
	State State    `json:"state"`
	Why   string   `json:"why"` // what was seen
	Fix   string   `json:"fix,omitempty"`
	For   []string `json:"for,omitempty"` // the addresses that need it
}

// Fact is something that a host says of a credential.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Host is what is known of the credential for one host, and what is needed of it there.
type Host struct {
	URL    string    `json:"url"`
	Role   string    `json:"role"` // github, account or workspace
	Login  Finding   `json:"login"`
	Facts  []Fact    `json:"facts"`
	Rights []Finding `json:"rights"`
}

// Report is everything that an examination found.
type Report struct {
	Hosts         []Host    `json:"hosts"`
	Prerequisites []Finding `json:"prerequisites"` // what somebody has to make, and what is missing on this machine
}

// Findings are all findings of a report, in its order.
func (r Report) Findings() []Finding {
	var all []Finding
	for _, h := range r.Hosts {
		all = append(append(all, h.Login), h.Rights...)
	}
	return append(all, r.Prerequisites...)
}

// Count returns how many findings have a state.
func (r Report) Count(s State) int {
	n := 0
	for _, f := range r.Findings() {
		if f.State == s {
			n++
		}
	}
	return n
}

// Verdict is what was found of one target: whether its principal can log in as its CI job does, and holds
// what the spec promises.
type Verdict struct {
	Target    string    `json:"target"`
	Host      string    `json:"host"`
	Principal string    `json:"principal"`
	CIAuth    string    `json:"ci_auth"`
	As        string    `json:"as"` // who looked: the principal itself, or an operator
	Findings  []Finding `json:"findings"`
}

// CountVerdicts returns how many findings have a state.
func CountVerdicts(all []Verdict, s State) int {
	n := 0
	for _, v := range all {
		for _, f := range v.Findings {
			if f.State == s {
				n++
			}
		}
	}
	return n
}
