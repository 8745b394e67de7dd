package gitrepo

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/go-git/go-git/v5/plumbing/format/gitignore"
)

// maxFile is the size above which GitHub warns of a file; it refuses the double. A push is held in
// memory several times over, so nothing larger is taken.
const maxFile = 50 << 20

// file is one file of a commit, its path in git's form; of one that the server has already, what it is there.
type file struct {
	path       string
	executable bool
	content    []byte
	known      Entry
}

// Missing returns those of the paths that are not there below dir, as they were given. A path that can
// never be pushed, because it leads out of dir for instance, is an error.
func Missing(dir string, paths []string) ([]string, error) {
	w, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.root.Close() }() // it was only read from
	missing := []string{}
	for _, p := range paths {
		_, err := w.look(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			missing = append(missing, p)
		case err != nil:
			return nil, err
		}
	}
	return missing, nil
}

// collect reads the files that the paths name, in the order of their paths.
func collect(dir string, paths []string) ([]file, error) {
	w, err := open(dir)
	if err != nil {
		return nil, err
	}
	defer func() { _ = w.root.Close() }() // it was only read from
	for _, p := range paths {
		if err := w.add(p); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(w.files, func(a, b file) int { return strings.Compare(a.path, b.path) })
	w.files = slices.CompactFunc(w.files, func(a, b file) bool { return a.path == b.path })
	if len(w.files) == 0 {
		return nil, fmt.Errorf("the paths of the first commit hold no file: %s", strings.Join(paths, ", "))
	}
	return w.files, nil
}

// walker gathers files. Its root keeps every access below the folder, whatever links lead out of it.
type walker struct {
	root     *os.Root
	files    []file
	patterns []gitignore.Pattern
	loaded   map[string]bool // folders whose .gitignore has been read
}

func open(dir string) (*walker, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("opening the local project folder: %w", err)
	}
	return &walker{root: root, loaded: map[string]bool{}}, nil
}

// look returns what stands at a path, refusing what must not or cannot be pushed.
func (w *walker) look(given string) (fs.FileInfo, error) {
	name := path.Clean(filepath.ToSlash(given))
	if !filepath.IsLocal(filepath.FromSlash(name)) {
		return nil, fmt.Errorf("path %s of the first commit leads out of the project folder", given)
	}
	var info fs.FileInfo
	at := ""
	for _, part := range strings.Split(name, "/") {
		if private(part) {
			return nil, fmt.Errorf("path %s of the first commit: %s is never pushed", given, part)
		}
		at = path.Join(at, part)
		var err error
		if info, err = w.root.Lstat(at); err != nil {
			return nil, fmt.Errorf("path %s of the first commit: %w", given, err)
		}
		if info.Mode()&fs.ModeSymlink != 0 {
			return nil, fmt.Errorf("path %s of the first commit: %s is a symbolic link, which is not pushed", given, at)
		}
	}
	return info, nil
}

// private names what belongs to a working copy and never into a commit.
func private(part string) bool {
	return strings.EqualFold(part, ".git") || strings.EqualFold(part, ".mlopsctl")
}

func (w *walker) add(given string) error {
	info, err := w.look(given)
	if err != nil {
		return err
	}
	name := path.Clean(filepath.ToSlash(given))
	at := "."
	if err := w.load(at); err != nil {
		return err
	}
	for _, part := range strings.Split(name, "/") {
		at = path.Join(at, part)
		mode := fs.ModeDir
		if at == name {
			mode = info.Mode()
		}
		if w.ignored(at, mode) {
			return fmt.Errorf("path %s of the first commit is left out by .gitignore; take it out of one of them", given)
		}
		if mode.IsDir() {
			if err := w.load(at); err != nil {
				return err
			}
		}
	}
	if info.IsDir() {
		return w.walk(name)
	}
	return w.take(name, info)
}

func (w *walker) walk(dir string) error {
	if err := w.load(dir); err != nil {
		return err
	}
	entries, err := fs.ReadDir(w.root.FS(), dir)
	if err != nil {
		return fmt.Errorf("reading folder %s: %w", dir, err)
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		if private(e.Name()) || w.ignored(name, e.Type()) {
			continue
		}
		if e.IsDir() {
			if err := w.walk(name); err != nil {
				return err
			}
			continue
		}
		info, err := e.Info()
		if err != nil {
			return fmt.Errorf("reading %s: %w", name, err)
		}
		if err := w.take(name, info); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) take(name string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s is a symbolic link, which is not pushed: leave it out of the folder, or of what is to be pushed", name)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is no regular file and cannot be pushed", name)
	case info.Size() > maxFile:
		return fmt.Errorf("%s has %d MB; files over %d MB are not pushed", name, info.Size()>>20, maxFile>>20)
	}
	content, err := w.root.ReadFile(name)
	if err != nil {
		return fmt.Errorf("reading %s: %w", name, err)
	}
	w.files = append(w.files, file{path: name, executable: info.Mode()&0o100 != 0, content: content})
	return nil
}

// load reads a folder's .gitignore, once.
func (w *walker) load(dir string) error {
	if w.loaded[dir] {
		return nil
	}
	w.loaded[dir] = true
	if dir == "." { // what this clone alone leaves out; where .git is a file, the rules lie outside of the folder
		if text, err := w.root.ReadFile(".git/info/exclude"); err == nil {
			w.obey(string(text), nil)
		}
	} else if w.isRepository(dir) {
		return fmt.Errorf("%s is a repository of its own, which is not pushed with the one around it: leave it out by .gitignore", dir)
	}
	text, err := w.root.ReadFile(path.Join(dir, ".gitignore"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading %s: %w", path.Join(dir, ".gitignore"), err)
	}
	var domain []string
	if dir != "." {
		domain = strings.Split(dir, "/")
	}
	w.obey(string(text), domain)
	return nil
}

// isRepository reports whether a folder is a clone or a submodule: git would link it, and not copy its files.
func (w *walker) isRepository(dir string) bool {
	at := path.Join(dir, ".git")
	info, err := w.root.Lstat(at)
	if err != nil {
		return false
	}
	if info.IsDir() {
		_, err = w.root.Lstat(path.Join(at, "HEAD"))
	}
	return err == nil
}

// obey adds the rules of a folder.
func (w *walker) obey(text string, domain []string) {
	for line := range strings.Lines(strings.TrimPrefix(text, "\ufeff")) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.ReplaceAll(line, "[!", "[^") // go-git matches as Go does, which knows only the one of git's two spellings
		w.patterns = append(w.patterns, gitignore.ParsePattern(line, domain))
	}
}

func (w *walker) ignored(name string, mode fs.FileMode) bool {
	return name != "." && gitignore.NewMatcher(w.patterns).Match(strings.Split(name, "/"), mode.IsDir())
}
