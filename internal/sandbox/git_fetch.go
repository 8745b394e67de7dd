package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/plumbing/object"
)

// fetchAbilities is what git 2.39 says of itself in the older protocol, for a client that asks in it.
const fetchAbilities = "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-not deepen-relative no-progress " +
	"include-tag multi_ack_detailed allow-tip-sha1-in-want allow-reachable-sha1-in-want no-done "

// newerProtocol reports whether the client speaks version 2, as a stock git does by itself.
func (g *gitCall) newerProtocol() bool {
	return strings.Contains(g.req.Header.Get("Git-Protocol"), "version=2")
}

// advertiseFetch lists HEAD, the refs, and what annotated tags are of.
func (g *gitCall) advertiseFetch(out *bytes.Buffer) error {
	refs, err := g.store.refs("refs/")
	if err != nil {
		return err
	}
	abilities := fetchAbilities
	if head, err := g.store.repo.Storer.Reference(plumbing.HEAD); err == nil {
		if at, err := g.store.ref(head.Target().String()); err == nil && !at.IsZero() {
			abilities += "symref=HEAD:" + head.Target().String() + " "
			refs = slices.Insert(refs, 0, gitRef{name: "HEAD", hash: at})
		}
	}
	abilities = "\x00" + abilities + "filter object-format=sha1 agent=github/mlopsctl-sandbox"
	for _, ref := range refs {
		writePacket(out, ref.hash.String()+" "+ref.name+abilities+"\n")
		abilities = ""
		if tag, err := g.store.repo.TagObject(ref.hash); err == nil {
			writePacket(out, tag.Target.String()+" "+ref.name+"^{}\n")
		}
	}
	out.WriteString(flushPacket)
	return nil
}

// uploadPack answers a fetch. What mlopsctl asks for, commits of which it has nothing yet, is answered here, so
// that no other program is needed for it. What negotiates, or speaks the newer protocol, is left to git itself,
// the reference implementation.
func uploadPack(g *gitCall) (*reply, error) {
	body, err := g.unzipped()
	if err != nil {
		return nil, err
	}
	var answer []byte
	if f, plain := parseFetch(body); plain && !g.newerProtocol() && g.store.haveCommits(f.wants) {
		answer, err = g.store.pack(f)
	} else {
		answer, err = g.git(body)
	}
	if err != nil {
		return nil, err
	}
	return &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/x-git-upload-pack-result"}}, body: answer}, nil
}

// fetch is a request of a client that has nothing yet: commits, and how many of their ancestors; 0 is all.
type fetch struct {
	wants []plumbing.Hash
	depth int
}

// parseFetch reads a request; it is not plain if there is anything in it that this sandbox leaves to git.
func parseFetch(body []byte) (f fetch, plain bool) {
	for ended := false; ; {
		line, rest, ok := cutPacket(body)
		body = rest
		words := strings.Fields(line)
		switch {
		case !ok:
			return f, false
		case line == "" && !ended:
			ended = true
		case line == "done\n":
			return f, ended && len(f.wants) > 0
		case ended || len(words) < 2:
			return f, false
		case words[0] == "want" && plumbing.IsHash(words[1]) && understood(words[2:]):
			f.wants = append(f.wants, plumbing.NewHash(words[1]))
		case words[0] == "deepen":
			depth, err := strconv.Atoi(words[1])
			if err != nil || depth < 1 {
				return f, false
			}
			f.depth = depth
		default:
			return f, false
		}
	}
}

// understood reports whether a client's abilities leave its answer plain: no side bands, no progress.
func understood(abilities []string) bool {
	return !slices.ContainsFunc(abilities, func(a string) bool {
		return a != "ofs-delta" && a != "shallow" && !strings.HasPrefix(a, "agent=")
	})
}

// cutPacket takes a packet off; a flush packet is "".
func cutPacket(body []byte) (line string, rest []byte, ok bool) {
	if len(body) < 4 {
		return "", nil, false
	}
	size, err := strconv.ParseUint(string(body[:4]), 16, 16)
	if err != nil || size != 0 && (size <= 4 || int(size) > len(body)) {
		return "", nil, false
	}
	if size == 0 {
		return "", body[4:], true
	}
	return string(body[4:size]), body[size:], true
}

func (st *gitStore) haveCommits(hashes []plumbing.Hash) bool {
	return !slices.ContainsFunc(hashes, func(h plumbing.Hash) bool { _, err := st.repo.CommitObject(h); return err != nil })
}

// pack is the answer to a fetch: where the history was cut, and the objects.
func (st *gitStore) pack(f fetch) ([]byte, error) {
	var out bytes.Buffer
	cut, hashes, err := st.reach(f)
	if err != nil {
		return nil, fmt.Errorf("gathering what is fetched: %w", err)
	}
	if f.depth > 0 {
		for _, hash := range cut {
			writePacket(&out, "shallow "+hash.String())
		}
		out.WriteString(flushPacket)
	}
	writePacket(&out, "NAK\n")
	if _, err := packfile.NewEncoder(&out, st.repo.Storer, false).Encode(hashes, 0); err != nil {
		return nil, fmt.Errorf("packing what is fetched: %w", err)
	}
	return out.Bytes(), nil
}

// reach finds every object that a fetch brings, and the commits at which it ends.
func (st *gitStore) reach(f fetch) (cut, all []plumbing.Hash, err error) {
	seen := map[plumbing.Hash]bool{}
	add := func(hash plumbing.Hash) (again bool) {
		again = seen[hash]
		if seen[hash] = true; !again {
			all = append(all, hash)
		}
		return again
	}
	generation := f.wants
	for depth := 1; len(generation) > 0; depth++ {
		var parents []plumbing.Hash
		for _, hash := range generation {
			if add(hash) {
				continue
			}
			commit, err := st.repo.CommitObject(hash)
			if err != nil {
				return nil, nil, err
			}
			if err := st.reachTree(commit.TreeHash, add); err != nil {
				return nil, nil, err
			}
			if depth == f.depth {
				cut = append(cut, hash)
				continue
			}
			parents = append(parents, commit.ParentHashes...)
		}
		generation = parents
	}
	return cut, all, nil
}

func (st *gitStore) reachTree(hash plumbing.Hash, add func(plumbing.Hash) bool) error {
	if add(hash) {
		return nil
	}
	tree, err := object.GetTree(st.repo.Storer, hash)
	if err != nil {
		return err
	}
	for _, entry := range tree.Entries {
		switch {
		case entry.Mode.IsFile():
			add(entry.Hash)
		case entry.Mode == filemode.Dir:
			if err := st.reachTree(entry.Hash, add); err != nil {
				return err
			}
		}
	}
	return nil
}

// git runs "git upload-pack" on the repository, away from any configuration of this machine.
func (g *gitCall) git(input []byte, more ...string) (answer []byte, err error) {
	program, err := exec.LookPath("git")
	if err != nil {
		return nil, &failure{status: http.StatusInternalServerError,
			message: "the sandbox needs the git program to serve a clone or a fetch, and it is not on the PATH"}
	}
	dir, remove, err := g.store.onDisk()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	args := []string{"-c", "safe.directory=*", "-c", "uploadpack.allowFilter=true", "-c", "uploadpack.allowAnySHA1InWant=true",
		"upload-pack", "--stateless-rpc", "--strict"}
	cmd := exec.CommandContext(g.req.Context(), program, append(append(args, more...), dir)...)
	cmd.Env = []string{"GIT_CONFIG_NOSYSTEM=1", "GIT_CONFIG_GLOBAL=/dev/null", "HOME=" + dir, "PATH=" + filepath.Dir(program),
		"GIT_PROTOCOL=" + g.req.Header.Get("Git-Protocol")}
	cmd.Stdin = bytes.NewReader(input)
	var out, complaint bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &complaint
	// A client that asks for nothing hangs up, and git then exits with an error after its answer.
	if err := cmd.Run(); err != nil && out.Len() == 0 && complaint.Len() > 0 {
		return nil, fmt.Errorf("git upload-pack: %w: %s", err, strings.TrimSpace(complaint.String()))
	}
	return out.Bytes(), nil
}
