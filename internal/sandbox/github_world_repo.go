package sandbox

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"
)

func (w GitHubRepository) apply(s *Sandbox) error {
	gh := s.state.GitHub
	login, name, _ := strings.Cut(w.Name, "/")
	if name == "" {
		return fmt.Errorf("a repository's name is owner/name")
	}
	if r, _ := gh.repository(login, name); r != nil {
		return fmt.Errorf("the name is used twice")
	}
	if err := oneOf("visibility", w.Visibility, "private", "internal", "public"); err != nil {
		return err
	}
	owner := gh.account(login)
	if owner == nil {
		owner = s.addAccount(login) // somebody else's
	}
	r := s.addRepository(owner, name)
	r.Quiet, r.Visibility, r.Archived = 0, cmp.Or(w.Visibility, "private"), w.Archived
	r.Default, r.RefuseRefs = cmp.Or(w.DefaultBranch, r.Default), w.RefuseRefs
	if w.Description != "" {
		r.Description = &w.Description
	}
	if w.RenamedFrom != "" {
		r.Former = []string{w.RenamedFrom}
	}
	if w.Created != "" {
		created, err := time.Parse(time.DateOnly, w.Created)
		if err != nil {
			return fmt.Errorf("created: %w", err)
		}
		r.Created, r.Subject.Immutable = created, !gh.Enterprise && !created.Before(immutableSince())
	}
	return w.fill(s, r, owner)
}

func (w GitHubRepository) fill(s *Sandbox, r *ghRepo, owner *ghAccount) error {
	for slug, permission := range w.Teams {
		if owner.team(slug) == nil || ghRole(permission) == noAccess {
			return fmt.Errorf("teams: no team %q of %s with a role %q", slug, owner.Login, permission)
		}
		r.Teams[owner.team(slug).Slug] = permission
	}
	for login, permission := range w.Collaborators {
		if s.state.GitHub.account(login) == nil || ghRole(permission) == noAccess {
			return fmt.Errorf("collaborators: no user %q with a role %q", login, permission)
		}
		r.Collaborators[strings.ToLower(login)] = permission
	}
	for _, name := range w.Environments {
		s.addEnvironment(r, name)
	}
	for _, name := range ghKeys(w.Variables) {
		upper, err := ghVaultName("Variable", name)
		if err != nil {
			return err
		}
		r.Vault.Variables = append(r.Vault.Variables, &ghVariable{Name: upper, Value: w.Variables[name], Created: s.now(), Updated: s.now()})
	}
	if len(w.Files) == 0 {
		return nil
	}
	changes := gitChanges{}
	for path, content := range maps.All(w.Files) {
		changes[path] = []byte(content)
	}
	st, err := s.gitStore(r)
	if err != nil {
		return err
	}
	commit, err := st.commit(gitCommit{branch: r.Default, message: "Initial commit", who: owner.Login, when: r.Created, changes: changes})
	if err != nil {
		return err
	}
	for _, branch := range w.Branches {
		if err := st.move("refs/heads/"+branch, commit); err != nil {
			return err
		}
	}
	return nil
}
