package databricks

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
)

// Effective is a privilege that a principal holds on a securable, and the securable that it comes from;
// From is "" where it is granted there.
type Effective struct{ Privilege, From string }

// EffectivePrivileges returns what anybody of those names, as grants have them, holds on a securable all in all:
// granted there, and on what holds it. What an owner holds is not among it. All that this program may see is
// read once.
func (f *Fleet) EffectivePrivileges(ctx context.Context, host string, s Securable, names ...string) ([]Effective, error) {
	all, err := memo.Recall(ctx, &f.memo, "effective/"+host+"/"+strings.ToLower(s.String()), func(ctx context.Context) (map[string][]Effective, error) {
		return f.effective(ctx, host, s)
	})
	if err != nil {
		return nil, fmt.Errorf("reading what is effectively held on %s: %w", s, err)
	}
	var held []Effective
	for _, name := range append(names, everyone) {
		held = append(held, all[strings.ToLower(name)]...)
	}
	return held, nil
}

func (f *Fleet) effective(ctx context.Context, host string, s Securable) (map[string][]Effective, error) {
	path, err := f.grantsPath(ctx, host, s)
	if err != nil {
		return nil, err
	}
	r := request{method: http.MethodGet, path: strings.Replace(path, "/permissions/", "/effective-permissions/", 1), query: map[string]any{"max_results": 0}}
	all := map[string][]Effective{}
	for {
		var page effectiveList
		if err := f.sendTo(ctx, host, r, &page); err != nil {
			return nil, err
		}
		page.into(all)
		if page.Next == "" {
			return all, nil
		}
		if page.Next == r.query["page_token"] {
			return nil, errCircle
		}
		r.query["page_token"] = page.Next
	}
}

type effectiveList struct {
	Assignments []struct {
		Principal  string `json:"principal"`
		Privileges []struct {
			Privilege string `json:"privilege"`
			FromType  string `json:"inherited_from_type"`
			FromName  string `json:"inherited_from_name"`
		} `json:"privileges"`
	} `json:"privilege_assignments"`
	Next string `json:"next_page_token"`
}

func (l effectiveList) into(all map[string][]Effective) {
	for _, a := range l.Assignments {
		name := strings.ToLower(a.Principal)
		for _, p := range a.Privileges {
			e := Effective{Privilege: strings.ToUpper(underscores.Replace(p.Privilege))}
			if p.FromName != "" {
				e.From = strings.ToLower(p.FromType) + ":" + p.FromName
			}
			all[name] = append(all[name], e)
		}
	}
}

// Gives reports whether an effective privilege is that one, or stands for it.
func (e Effective) Gives(privilege string) bool {
	return Grant{Privileges: []string{e.Privilege}}.gives(privilege)
}
