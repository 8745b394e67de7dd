package spec

import (
	"slices"
	"strings"
)

// Only returns the stack as if it had that target alone, or none for "": without what the spec says
// of other targets. What belongs to no target stays. It serves to tell which objects are a target's.
func (s *Stack) Only(target string) *Stack {
	out := *s
	other := func(name string) bool { return name != "" && name != target }
	out.Targets = slices.DeleteFunc(slices.Clone(s.Targets), func(t Target) bool { return t.Name != target })
	out.Catalogs = nil
	for _, c := range s.Catalogs {
		if !s.names(target, c) {
			continue
		}
		if c.IsolatedTo != nil {
			c.IsolatedTo = slices.DeleteFunc(slices.Clone(c.IsolatedTo), other)
		}
		out.Catalogs = append(out.Catalogs, c)
	}
	out.Permissions = nil
	for _, p := range s.Permissions {
		p.Targets = slices.DeleteFunc(slices.Clone(p.Targets), other)
		if p.Grant != "" && len(p.Targets) > 0 || p.Grant == "" && s.concerns(target, p) {
			out.Permissions = append(out.Permissions, p)
		}
	}
	out.Secrets = slices.DeleteFunc(slices.Clone(s.Secrets), func(x Secret) bool {
		return other(x.Environment) || other(x.target())
	})
	out.Projects = slices.Clone(s.Projects)
	for i, p := range out.Projects {
		out.Projects[i].Deploy = slices.DeleteFunc(slices.Clone(p.Deploy), func(name string) bool { return name != target })
	}
	out.Variables = slices.DeleteFunc(slices.Clone(s.Variables), func(v Variable) bool { return other(v.Environment) })
	return &out
}

// names reports whether the catalog is one of the target's.
func (s *Stack) names(target string, c Catalog) bool {
	t := s.Target(target)
	return t != nil && (t.Catalog == c.Name || c.Target == target || slices.Contains(c.IsolatedTo, target))
}

// concerns reports whether a wish that is spelled out is about the target.
func (s *Stack) concerns(target string, p Permission) bool {
	if p.Target != "" {
		return p.Target == target
	}
	_, full, _ := strings.Cut(p.On, ":")
	catalog, _, _ := strings.Cut(full, ".")
	c := s.Catalog(catalog)
	return c != nil && s.names(target, *c)
}

func (x Secret) target() string {
	switch {
	case x.OAuthSecret != nil:
		return x.OAuthSecret.Target
	case x.AccessToken != nil:
		return x.AccessToken.Target
	case x.PersonalAccessToken != nil:
		return x.PersonalAccessToken.Target
	}
	return ""
}
