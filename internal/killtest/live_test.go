package killtest

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// live is what the services hold, as the sandbox keeps it: the parts that a run can make, double or
// lose.
type live struct {
	Databricks struct {
		Workspaces []struct {
			ID          int64  `json:"id"`
			Host        string `json:"host"`
			Assignments []struct {
				Principal   int64    `json:"principal"`
				Permissions []string `json:"permissions"`
			} `json:"assignments"`
			Entitled       map[string][]string `json:"entitled"`
			GitCredentials []struct {
				ID        int64  `json:"id"`
				Principal int64  `json:"principal"`
				Provider  string `json:"provider"`
				Username  string `json:"username"`
			} `json:"git_credentials"`
			Tree []struct {
				ID   int64  `json:"id"`
				Path string `json:"path"`
			} `json:"tree"`
			Access []struct {
				Object  struct{ Type, ID string } `json:"object"`
				Entries []struct {
					Name  string `json:"name"`
					Level string `json:"level"`
				} `json:"entries"`
			} `json:"access"`
		} `json:"workspaces"`
		Principals []livePrincipal `json:"principals"`
		Tokens     []struct {
			Personal struct {
				ID string `json:"id"`
			} `json:"personal"`
		} `json:"tokens"`
		Groups []struct {
			ID      int64   `json:"id"`
			Name    string  `json:"name"`
			Members []int64 `json:"members"`
		} `json:"groups"`
		Securables []struct {
			Type     string            `json:"type"`
			Name     string            `json:"name"`
			Comment  string            `json:"comment"`
			Isolated bool              `json:"isolated"`
			Owner    string            `json:"owner"`
			Bindings []json.RawMessage `json:"bindings"`
		} `json:"securables"`
		Grants []struct {
			Type string `json:"type"`
			Name string `json:"name"`
			Rows []struct {
				Principal  string   `json:"principal"`
				Privileges []string `json:"privileges"`
			} `json:"rows"`
		} `json:"grants"`
	} `json:"databricks"`
	GitHub struct {
		Repositories []liveRepository `json:"repositories"`
	} `json:"github"`
}

type livePrincipal struct {
	ID      int64  `json:"id"`
	Client  string `json:"application_id"`
	Name    string `json:"display_name"`
	Secrets []struct {
		ID string `json:"id"`
	} `json:"secrets"`
	Policies []struct {
		ID   string `json:"id"`
		OIDC struct {
			Subject string `json:"subject"`
		} `json:"oidc"`
	} `json:"policies"`
	Rules []struct {
		Principals []string `json:"principals"`
		Role       string   `json:"role"`
	} `json:"rules"`
}

type liveRepository struct {
	ID          int64             `json:"id"`
	Name        string            `json:"name"`
	Visibility  string            `json:"visibility"`
	Description string            `json:"description"`
	Teams       map[string]string `json:"teams"`
	Vault       liveVault         `json:"vault"`
	Pulls       []struct {
		Title  string `json:"title"`
		Head   string `json:"head"`
		Base   string `json:"base"`
		Merged string `json:"merged"`
	} `json:"pulls"`
	Runs []struct {
		Path   string            `json:"path"`
		Event  string            `json:"event"`
		Branch string            `json:"branch"`
		Inputs map[string]string `json:"inputs"`
	} `json:"runs"`
	Environments []struct {
		Name     string `json:"name"`
		Patterns []struct {
			Name string `json:"name"`
		} `json:"patterns"`
		Vault liveVault `json:"vault"`
	} `json:"environments"`
	Rulesets []struct {
		Name        string          `json:"name"`
		Enforcement string          `json:"enforcement"`
		Include     []string        `json:"include"`
		Rules       json.RawMessage `json:"rules"`
	} `json:"rulesets"`
}

type liveVault struct {
	Secrets []struct {
		Name string `json:"name"`
	} `json:"secrets"`
	Variables []struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	} `json:"variables"`
}

// look reads what the services hold.
func (w *world) look() live {
	w.t.Helper()
	var l live
	w.must(json.Unmarshal([]byte(w.read(w.at("sandbox/state.json"))), &l))
	return l
}

// called is the name of a principal or a group, by its id or its client id.
func (l *live) called(who string) string {
	for _, g := range l.Databricks.Groups {
		if who == strconv.FormatInt(g.ID, 10) {
			return g.Name
		}
	}
	for _, p := range l.Databricks.Principals {
		if who == strconv.FormatInt(p.ID, 10) || who == p.Client {
			return p.Name
		}
	}
	return who
}

// client is the application id of the first principal of that name, "" for none.
func (l *live) client(name string) string {
	for _, p := range l.Databricks.Principals {
		if p.Name == name {
			return p.Client
		}
	}
	return ""
}

// inventory lists every object once, by what people call it: two equal lines are a duplicate, and two
// equal inventories are one state of the world, whatever ids it has.
func (l *live) inventory() []string {
	lines := append(l.principals(), l.objects()...)
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	for _, g := range l.Databricks.Groups {
		add("group %s", g.Name)
		for _, id := range g.Members {
			add("group %s has %s", g.Name, l.called(strconv.FormatInt(id, 10)))
		}
	}
	for _, s := range l.Databricks.Securables {
		add("%s:%s comment %q isolated %v to %d, of %s", s.Type, s.Name, s.Comment, s.Isolated, len(s.Bindings), l.called(s.Owner))
	}
	for _, g := range l.Databricks.Grants {
		for _, row := range g.Rows {
			slices.Sort(row.Privileges)
			add("on %s:%s %s holds %s", g.Type, g.Name, l.called(row.Principal), strings.Join(row.Privileges, " "))
		}
	}
	for _, r := range l.GitHub.Repositories {
		lines = append(lines, l.repository(r)...)
	}
	slices.Sort(lines)
	return lines
}

func (l *live) principals() []string {
	var lines []string
	for _, w := range l.Databricks.Workspaces {
		for _, a := range w.Assignments {
			lines = append(lines, fmt.Sprintf("%s assigns %s %s", w.Host, l.called(strconv.FormatInt(a.Principal, 10)), a.Permissions))
		}
		for id, list := range w.Entitled {
			if len(list) > 0 {
				lines = append(lines, fmt.Sprintf("%s lets %s %s", w.Host, l.called(id), list))
			}
		}
		for _, g := range w.GitCredentials {
			lines = append(lines, fmt.Sprintf("%s: %s logs in to %s as %s", w.Host, l.called(strconv.FormatInt(g.Principal, 10)), g.Provider, g.Username))
		}
	}
	for _, p := range l.Databricks.Principals {
		lines = append(lines, "principal "+p.Name)
		for _, f := range p.Policies {
			lines = append(lines, fmt.Sprintf("%s trusts %s", p.Name, f.OIDC.Subject))
		}
		for _, rule := range p.Rules {
			for _, who := range rule.Principals {
				lines = append(lines, fmt.Sprintf("%s: %s is %s", p.Name, who, rule.Role))
			}
		}
	}
	return lines
}

// objects are what lies in the trees of the workspaces, and who was given what on it.
func (l *live) objects() []string {
	var lines []string
	for _, w := range l.Databricks.Workspaces {
		paths := map[string]string{}
		for _, n := range w.Tree {
			paths[strconv.FormatInt(n.ID, 10)] = n.Path
			lines = append(lines, fmt.Sprintf("%s has %s", w.Host, n.Path))
		}
		for _, a := range w.Access {
			for _, e := range a.Entries {
				lines = append(lines, fmt.Sprintf("%s: on %s %s %s has %s", w.Host, a.Object.Type, paths[a.Object.ID], l.called(e.Name), e.Level))
			}
		}
	}
	return lines
}

func (l *live) repository(r liveRepository) []string {
	lines := []string{fmt.Sprintf("repository %s %s %q", r.Name, r.Visibility, r.Description)}
	vault := func(place string, v liveVault) {
		for _, s := range v.Secrets {
			lines = append(lines, "secret "+place+s.Name)
		}
		for _, x := range v.Variables {
			lines = append(lines, fmt.Sprintf("variable %s%s=%s", place, x.Name, l.called(x.Value)))
		}
	}
	for team, role := range r.Teams {
		lines = append(lines, fmt.Sprintf("%s: team %s %s", r.Name, team, role))
	}
	vault(r.Name+"/", r.Vault)
	lines = append(lines, r.proposals()...)
	for _, e := range r.Environments {
		lines = append(lines, fmt.Sprintf("environment %s/%s", r.Name, e.Name))
		for _, p := range e.Patterns {
			lines = append(lines, fmt.Sprintf("environment %s/%s from %s", r.Name, e.Name, p.Name))
		}
		vault(r.Name+"/"+e.Name+"/", e.Vault)
	}
	for _, s := range r.Rulesets {
		lines = append(lines, fmt.Sprintf("ruleset %s/%s %s %v %s", r.Name, s.Name, s.Enforcement, s.Include, s.Rules))
	}
	return lines
}

// duplicates are the lines of an inventory that stand in it more than once.
func duplicates(inventory []string) []string {
	var twice []string
	for i := 1; i < len(inventory); i++ {
		if inventory[i] == inventory[i-1] {
			twice = append(twice, inventory[i])
		}
	}
	return twice
}
