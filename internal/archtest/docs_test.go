package archtest

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const dependencies = "docs/adr/0010-dependencies.md"

func inModule(path string) string { return filepath.Join("..", "..", filepath.FromSlash(path)) }

func text(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(inModule(path))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents returns the project's own texts for people.
func documents(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "docs/adr/*.md", "examples/*/README.md"} {
		paths, err := filepath.Glob(inModule(pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range paths {
			rel, err := filepath.Rel(inModule("."), p)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, filepath.ToSlash(rel))
		}
	}
	return found
}

var (
	requirement = regexp.MustCompile(`(?m)^(?:require )?\t?([a-z0-9.-]+\.[a-z]+/\S+|dario\.cat/\S+) v\S+`)
	reasoned    = regexp.MustCompile(`(?m)^\| (\S+) \| .{10,} \|$`)
)

func TestEveryDependencyHasItsReason(t *testing.T) {
	var modules []string
	for _, m := range requirement.FindAllStringSubmatch(text(t, "go.mod"), -1) {
		modules = append(modules, m[1])
	}
	if len(modules) < 10 {
		t.Fatalf("go.mod was read wrongly: %d modules", len(modules))
	}
	used := map[string]string{}
	for _, s := range sources(t) {
		for path, node := range s.imports() {
			if m := moduleOf(path, modules); m != "" && used[m] == "" {
				used[m] = s.line(node)
			}
		}
	}
	var listed []string
	for _, m := range reasoned.FindAllStringSubmatch(text(t, dependencies), -1) {
		listed = append(listed, m[1])
	}
	for m, where := range used {
		if !slices.Contains(listed, m) {
			t.Errorf("%s: %s is imported and has no line in %s", where, m, dependencies)
		}
	}
	for _, m := range listed {
		if m != "module" && used[m] == "" {
			t.Errorf("%s: %s is listed and nothing imports it", dependencies, m)
		}
	}
}

// moduleOf returns the module that a package belongs to, "" for the standard library's and ours.
func moduleOf(path string, modules []string) string {
	best := ""
	for _, m := range modules {
		if (path == m || strings.HasPrefix(path, m+"/")) && len(m) > len(best) {
			best = m
		}
	}
	return best
}

func TestADecisionFitsOnOnePage(t *testing.T) {
	const page = 60
	for _, path := range documents(t) {
		if lines := strings.Count(text(t, path), "\n"); strings.HasPrefix(path, "docs/adr/") && lines > page {
			t.Errorf("%s has %d lines, %d are a page", path, lines, page)
		}
	}
}

var (
	fileName = regexp.MustCompile("`((?:cmd|docs|examples|internal|pkg|schemas|tools)/[A-Za-z0-9_./-]*)`")
	link     = regexp.MustCompile(`\]\(([^)#\s]+)[^)]*\)`)
)

func TestDocumentsNameFilesThatAreThere(t *testing.T) {
	for _, path := range documents(t) {
		for i, line := range strings.Split(text(t, path), "\n") {
			for _, m := range fileName.FindAllStringSubmatch(line, -1) {
				if _, err := os.Stat(inModule(m[1])); err != nil {
					t.Errorf("%s:%d: there is no %s", path, i+1, m[1])
				}
			}
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if strings.Contains(m[1], "://") {
					continue
				}
				if _, err := os.Stat(inModule(filepath.ToSlash(filepath.Join(filepath.Dir(path), m[1])))); err != nil {
					t.Errorf("%s:%d: the link %s leads nowhere", path, i+1, m[1])
				}
			}
		}
	}
}
