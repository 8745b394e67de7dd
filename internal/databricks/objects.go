package databricks

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/mlopsctl/mlopsctl/internal/memo"
	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// Experiment returns the id of the experiment of that name, which is a path, resource.ErrNotFound if there is
// none. The service shows deleted ones by their names, too; they count as missing.
func (f *Fleet) Experiment(ctx context.Context, host, name string) (string, error) {
	return memo.Recall(ctx, &f.memo, "experiments/"+host+name, func(ctx context.Context) (string, error) {
		var found struct {
			Experiment struct {
				ID    string `json:"experiment_id"`
				Stage string `json:"lifecycle_stage"`
			} `json:"experiment"`
		}
		r := request{method: http.MethodGet, path: "/api/2.0/mlflow/experiments/get-by-name", query: map[string]any{"experiment_name": name}}
		err := f.sendTo(ctx, host, r, &found)
		switch {
		case err == nil && found.Experiment.Stage == "deleted":
			err = fmt.Errorf("it was deleted: %w", resource.ErrNotFound)
		case err == nil && found.Experiment.ID == "":
			err = fmt.Errorf("%w: it names no experiment; %s", resource.ErrLost, newer)
		}
		if err != nil {
			return "", fmt.Errorf("looking for experiment %s in %s: %w", name, host, err)
		}
		return found.Experiment.ID, nil
	})
}

// Jobs returns the ids of the jobs of that name, in any case: names of jobs are nobody's own.
func (f *Fleet) Jobs(ctx context.Context, host, name string) ([]string, error) {
	return memo.Recall(ctx, &f.memo, "jobs/"+host+"/"+name, func(ctx context.Context) ([]string, error) {
		r := request{method: http.MethodGet, path: "/api/2.2/jobs/list", query: map[string]any{"name": name, "limit": 100}}
		var ids []string
		for {
			var page struct {
				Jobs []struct {
					ID       int64 `json:"job_id"`
					Settings struct {
						Name string `json:"name"`
					} `json:"settings"`
				} `json:"jobs"`
				Next string `json:"next_page_token"`
			}
			if err := f.sendTo(ctx, host, r, &page); err != nil {
				return nil, fmt.Errorf("looking for job %s in %s: %w", name, host, misplaced(err))
			}
			for _, j := range page.Jobs {
				if strings.EqualFold(j.Settings.Name, name) {
					ids = append(ids, strconv.FormatInt(j.ID, 10))
				}
			}
			if page.Next == "" {
				slices.Sort(ids)
				return ids, nil
			}
			if page.Next == r.query["page_token"] {
				return nil, fmt.Errorf("looking for job %s in %s: %w", name, host, errCircle)
			}
			r.query["page_token"] = page.Next
		}
	})
}

// ClusterPolicy returns the id of the cluster policy of that name, resource.ErrNotFound if the workspace shows
// none.
func (f *Fleet) ClusterPolicy(ctx context.Context, host, name string) (string, error) {
	all, err := memo.Recall(ctx, &f.memo, "cluster_policies/"+host, func(ctx context.Context) (map[string]string, error) {
		var list struct {
			Policies []struct {
				ID   string `json:"policy_id"`
				Name string `json:"name"`
			} `json:"policies"`
		}
		if err := f.sendTo(ctx, host, request{method: http.MethodGet, path: "/api/2.0/policies/clusters/list"}, &list); err != nil {
			return nil, fmt.Errorf("listing the cluster policies of %s: %w", host, misplaced(err))
		}
		ids := map[string]string{}
		for _, p := range list.Policies {
			ids[p.Name] = p.ID
		}
		return ids, nil
	})
	if err == nil && all[name] == "" {
		err = fmt.Errorf("cluster policy %s in %s: %w", name, host, resource.ErrNotFound)
	}
	return all[name], err
}

// The groups that every workspace has of its own.
const (
	WorkspaceUsers  = "users"
	WorkspaceAdmins = "admins"
)

// ShowsGroup reports whether a workspace knows a group of that name: its own two, and those of the account that
// are assigned to it.
func (f *Fleet) ShowsGroup(ctx context.Context, host, name string) (bool, error) {
	if name == WorkspaceUsers || name == WorkspaceAdmins {
		return true, nil
	}
	return shows[Group](ctx, f, lookup{resource: "Groups", by: "displayName", names: f.opt.Groups, attributes: "id,displayName"}, shown{host, name})
}

// ShowsUser reports whether a workspace knows a user of that name: whoever is assigned to it.
func (f *Fleet) ShowsUser(ctx context.Context, host, name string) (bool, error) {
	return shows[User](ctx, f, lookup{resource: "Users", by: "userName", names: f.opt.Users, attributes: "id,userName"}, shown{host, name})
}

type shown struct{ host, name string }

func (g Group) called() string { return g.Name }
func (u User) called() string  { return u.Name }

func shows[T interface{ called() string }](ctx context.Context, f *Fleet, l lookup, s shown) (bool, error) {
	var key string
	key, l.names = together("shown/"+l.resource+"/"+s.host, l.names, s.name)
	found, err := memo.Recall(ctx, &f.memo, key, func(ctx context.Context) ([]T, error) { return scim[T](ctx, f, s.host, l) })
	if err != nil {
		return false, fmt.Errorf("looking for %s in %s: %w", s.name, s.host, misplaced(err))
	}
	return slices.ContainsFunc(found, func(x T) bool { return strings.EqualFold(x.called(), s.name) }), nil
}
