package sandbox

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"
)

// createInstallationToken gives an App a token for an hour on one of its installations, with all of
// the installation's rights or with fewer.
func (g *ghCall) createInstallationToken() (any, error) {
	if g.who.app == nil || g.who.installation != nil {
		return nil, &failure{status: http.StatusUnauthorized, message: "A JSON web token could not be decoded"}
	}
	i := slices.IndexFunc(g.who.app.Installed, func(in *ghInstallation) bool {
		return strconv.FormatInt(in.ID, 10) == g.vars["installation_id"]
	})
	if i < 0 {
		return nil, ghMissing()
	}
	in := g.who.app.Installed[i]
	var body struct {
		Repositories []string          `json:"repositories"`
		IDs          []int64           `json:"repository_ids"`
		Permissions  map[string]string `json:"permissions"`
	}
	if len(g.body) > 0 {
		if err := g.read(&body); err != nil {
			return nil, err
		}
	}
	t := &ghToken{Kind: appToken, Installation: in.ID, Permissions: maps.Clone(in.Permissions), Repositories: body.IDs,
		Expires: g.now().Add(time.Hour)}
	for name, level := range body.Permissions {
		if held := in.Permissions[name]; held != level && held != "write" {
			return nil, ghUnprocessable("The permissions requested are not granted to this installation.")
		}
	}
	if body.Permissions != nil {
		t.Permissions = body.Permissions
	}
	for _, name := range body.Repositories {
		r, _ := g.gh.repository(g.gh.accountByID(in.Account).Login, name)
		if r == nil || in.Repositories != nil && !slices.Contains(in.Repositories, r.ID) {
			return nil, ghUnprocessable("There is at least one repository that does not exist or is not accessible to the parent installation.")
		}
		t.Repositories = append(t.Repositories, r.ID)
	}
	selection := "all"
	if t.Repositories != nil || in.Repositories != nil {
		selection = "selected"
	}
	value := fmt.Sprintf("ghs_sandbox%029d", g.state.nextID())
	t.Hash = ghHash(value)
	g.gh.Tokens = slices.DeleteFunc(g.gh.Tokens, func(old *ghToken) bool { return !old.Expires.IsZero() && old.Expires.Before(g.now()) })
	g.gh.Tokens = append(g.gh.Tokens, t)
	g.changed = true
	return &reply{status: http.StatusCreated, body: ghObject{"token": value, "expires_at": ghTime(t.Expires),
		"permissions": t.Permissions, "repository_selection": selection}}, nil
}
