package workflows

import (
	"bytes"
	"cmp"
	"embed"
	"fmt"
	"path"
	"slices"
	"strings"
	"text/template"

	"github.com/mlopsctl/mlopsctl/pkg/spec"
)

//go:embed templates
var templates embed.FS

// Generate returns the workflow files of a repository, in the order of their paths: one for pull
// requests, and one for the deployments of each project that has any. The same value gives the same
// bytes. Without projects there are none.
func Generate(r Repository) ([]File, error) {
	if err := check(r); err != nil {
		return nil, err
	}
	if len(r.Projects) == 0 {
		return nil, nil
	}
	ci, err := ciView(r)
	if err != nil {
		return nil, err
	}
	content, err := render("ci.yml.tmpl", r.Runner, ci)
	if err != nil {
		return nil, err
	}
	files := []File{{Path: CIFile(), Content: content}}
	for _, p := range r.Projects {
		if len(p.Deploy) == 0 {
			continue
		}
		view, err := deployView(r, p)
		if err != nil {
			return nil, err
		}
		content, err := render("deploy.yml.tmpl", r.Runner, view)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: DeployFile(p.Name), Content: content})
	}
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return files, nil
}

// project is a project as the templates need it.
type project struct {
	Name, ID, Root string
	Paths          []string // of files and folders whose change is the project's
	UpToRoot       string   // from its folder to the root of the repository
	Python         string
	Jobs           []string
	Targets        []target
	Branches       []string
	Model          string // the name of a pull request's model begins so
}

// target is a target as the templates need it.
type target struct {
	Name, ID, Branch string
	Environment      string
	OIDC             bool
	Login            []setting
}

type ciFile struct {
	Projects   []project
	Test       *target
	Untestable string
}

func ciView(r Repository) (ciFile, error) {
	view := ciFile{Untestable: untestable(r)}
	if view.Untestable == "" {
		t, err := targetView(r, *r.target(TestTarget))
		if err != nil {
			return ciFile{}, err
		}
		view.Test = &t
	}
	for _, p := range r.Projects {
		x := projectView(p)
		if x.Root != "." {
			x.Paths = append(x.Paths, sharedRequirements)
		}
		x.Paths = append(x.Paths, CIFile())
		view.Projects = append(view.Projects, x)
	}
	return view, nil
}

// sharedRequirements is the template's file with what all projects' tests need.
const sharedRequirements = "test-requirements.txt"

func deployView(r Repository, p Project) (project, error) {
	view := projectView(p)
	view.Paths = append(view.Paths, DeployFile(p.Name))
	for _, name := range p.Deploy {
		t, err := targetView(r, *r.target(name))
		if err != nil {
			return project{}, err
		}
		view.Targets = append(view.Targets, t)
		if !slices.Contains(view.Branches, t.Branch) {
			view.Branches = append(view.Branches, t.Branch)
		}
	}
	return view, nil
}

func projectView(p Project) project {
	view := project{
		Name: p.Name, ID: identifier(p.Name), Root: p.root(), Paths: []string{p.root()}, UpToRoot: ".",
		Python: p.Python, Jobs: p.Jobs, Model: strings.ReplaceAll(strings.ToLower(identifier(p.Name)), "-", "_"),
	}
	if view.Root != "." {
		view.UpToRoot = strings.Repeat("../", strings.Count(view.Root, "/")+1)
		view.UpToRoot = strings.TrimSuffix(view.UpToRoot, "/")
	}
	if view.Python == "" {
		view.Python = defaultPython
	}
	if view.Jobs == nil {
		view.Jobs = defaultJobs()
	}
	return view
}

func targetView(r Repository, t spec.Target) (target, error) {
	settings, err := login(r.AccountID, t)
	if err != nil {
		return target{}, err
	}
	view := target{Name: t.Name, ID: identifier(t.Name), Branch: t.Branch, OIDC: t.CIAuth == spec.OIDC, Login: settings}
	if t.Environment != nil {
		view.Environment = t.Name
	}
	return view, nil
}

// render fills a template. Its marks are <% and %>, as Actions has taken the usual ones.
func render(name, runner string, view any) ([]byte, error) {
	t, err := template.New(name).Delims("<%", "%>").Option("missingkey=error").Funcs(template.FuncMap{
		"runner":       func() string { return cmp.Or(runner, defaultRunner) },
		"gate":         func() string { return Gate },
		"trusted":      func() string { return trusted },
		"use":          use,
		"quote":        quote,
		"glob":         glob,
		"requirements": func(root string) string { return quote(path.Join(root, "requirements*.txt")) },
		"words":        func(list []string) string { return strings.Join(list, " ") },
		"list1":        func(item string) string { return "[" + quote(item) + "]" },
		"list":         func(items []string) string { return "[" + strings.Join(quoted(items), ", ") + "]" },
	}).ParseFS(templates, path.Join("templates", name), "templates/job.yml.tmpl")
	if err != nil {
		return nil, fmt.Errorf("reading template %s: %w", name, err)
	}
	var b bytes.Buffer
	if err := t.Execute(&b, view); err != nil {
		return nil, fmt.Errorf("filling template %s: %w", name, err)
	}
	return signed(b.Bytes())
}

// trusted is the condition under which a pull request's job may have credentials: GitHub gives none to
// one from a fork, nor to Dependabot's.
const trusted = "github.event.pull_request.head.repo.full_name == github.repository && github.event.pull_request.user.login != 'dependabot[bot]'"

// use is the pinned action in a uses: line.
func use(action string) (string, error) {
	p, ok := pins()[action]
	if !ok {
		return "", fmt.Errorf("action %s is not pinned", action)
	}
	return p.String(), nil
}

// quote makes a text a YAML scalar, a shell's word and a literal of an expression: all three know single
// quotes. What would need more is refused by check.
func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

func quoted(items []string) []string {
	list := make([]string, len(items))
	for i, item := range items {
		list[i] = quote(item)
	}
	return list
}

// glob is the pattern of a trigger's paths for a file or folder.
func glob(name string) string {
	switch {
	case name == ".":
		return quote("**")
	case path.Ext(name) == ".yml" || path.Ext(name) == ".txt":
		return quote(name)
	default:
		return quote(name + "/**")
	}
}
