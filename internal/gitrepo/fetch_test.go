package gitrepo

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/google/go-cmp/cmp"

	"github.com/mlopsctl/mlopsctl/pkg/resource"
)

// pipe runs git with an input.
func pipe(t *testing.T, dir, input string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(input)
	cmd.Env = append(os.Environ(), "GIT_AUTHOR_NAME=Eve", "GIT_AUTHOR_EMAIL=e@x", "GIT_COMMITTER_NAME=Eve", "GIT_COMMITTER_EMAIL=e@x")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("git %s: %v", strings.Join(args, " "), err)
	}
	return strings.TrimSpace(string(out))
}

// hold puts a tree into a repository, at a ref.
func (s *server) hold(t *testing.T, tree string, parents ...string) string {
	t.Helper()
	args := []string{"commit-tree", "-m", "held"}
	for _, p := range parents {
		args = append(args, "-p", p)
	}
	hash := pipe(t, s.dir, "", append(args, tree)...)
	shell(t, s.dir, "update-ref", state, hash)
	return hash
}

func TestFetchReadsCommitsNewestFirst(t *testing.T) {
	s := serve(t)
	r := s.over(&middle{})
	var hashes []string
	parent := ""
	for i := range 5 {
		parent = must(t, r, Move{Ref: state, Old: parent, New: commitWith(parent, strings.Repeat(fmt.Sprintf("line %d\n", i), 500))}).Hashes[state]
		hashes = append([]string{parent}, hashes...)
	}
	shell(t, s.dir, "gc", "--quiet") // from now on there are deltas
	for depth, want := range map[int][]string{0: hashes, 1: hashes[:1], 3: hashes[:3], 9: hashes} {
		got, err := Fetch(t.Context(), r, hashes[0], depth)
		if err != nil {
			t.Fatalf("depth %d: %v", depth, err)
		}
		if len(got) != len(want) {
			t.Fatalf("depth %d: %d commits, want %d", depth, len(got), len(want))
		}
		for i, v := range got {
			content := shell(t, s.dir, "show", v.Hash+":ledger.json") + "\n"
			if v.Hash != want[i] || string(v.Files["ledger.json"]) != content || string(v.Files["more/a"]) != "a" || len(v.Files) != 2 {
				t.Errorf("depth %d: commit %d is %s with %d files", depth, i, v.Hash, len(v.Files))
			}
			if i+1 < len(hashes) && !cmp.Equal(v.Parents, hashes[i+1:i+2]) || v.Author.Name != "Ada" || !v.Author.When.Equal(commitOf("").Author.When) {
				t.Errorf("depth %d: commit %d has parents %v, author %v", depth, i, v.Parents, v.Author)
			}
		}
	}
	merge := s.hold(t, hashes[0]+"^{tree}", hashes[2], hashes[0])
	got, err := Fetch(t.Context(), r, merge, 0)
	if err != nil || len(got) != 4 || got[1].Hash != hashes[2] || len(got[0].Parents) != 2 {
		t.Errorf("a merge: %d commits, %v", len(got), err)
	}
}

func TestWhatTheServerDoesNotHaveIsNotVisibleYet(t *testing.T) {
	s := serve(t)
	s.set(t, state, "one")
	_, err := Fetch(t.Context(), s.over(&middle{}), strings.Repeat("1", 40), 1)
	if !errors.Is(err, resource.ErrNotYet) {
		t.Errorf("%v", err)
	}
	if _, err := Fetch(t.Context(), s.over(&middle{}), "main", 1); err == nil {
		t.Error("a name is taken for a hash")
	}
}

// packed is a small pack as a server sends it, and the commit that it is of.
func packed(t testing.TB) ([]byte, plumbing.Hash) {
	t.Helper()
	p, err := pack([]Move{{Ref: state, New: commitWith("", "one")}})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if _, err := packfile.NewEncoder(&out, p.objects.store, false).Encode(p.objects.hashes, 10); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), p.commands[0].New
}

func TestATornPackIsAnErrorWhereverItIsTorn(t *testing.T) {
	whole, hash := packed(t)
	for at := range whole {
		if got, err := unpack(whole[:at], hash, 1); err == nil && at < len(whole)-20 { // the last 20 are its checksum
			t.Errorf("cut at %d of %d: %v", at, len(whole), got)
		}
		wrong := bytes.Clone(whole)
		wrong[at] ^= 0x55
		if got, err := unpack(wrong, hash, 1); err == nil && string(got[0].Files["ledger.json"]) != "one" {
			t.Errorf("wrong at %d of %d: %v", at, len(whole), got)
		}
	}
	s := serve(t)
	first := must(t, s.remote(), Move{Ref: state, New: commitWith("", "one")}).Hashes[state]
	for _, most := range []int{0, 3, 8, 40} {
		m := &middle{do: func(req *http.Request, next func() (*http.Response, error)) (*http.Response, error) {
			resp, err := next()
			if req.Method != http.MethodPost || err != nil {
				return resp, err
			}
			return replaced(resp, err, text(t, resp)[:most])
		}}
		if got, err := Fetch(t.Context(), s.over(m), first, 1); err == nil {
			t.Errorf("an answer of %d bytes: %v", most, got)
		}
	}
}

func FuzzPack(f *testing.F) {
	whole, hash := packed(f)
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(packOf(entry{plumbing.REFDeltaObject, 6, append(make([]byte, 20), deflated("\x01\xff\xff\xff\xff\x7f")...)}))
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := unpack(data, hash, 0)
		if err == nil && string(got[0].Files["ledger.json"]) != "one" {
			t.Errorf("another content under the same hash: %v", got)
		}
	})
}

// entry is an object of a pack, with what stands behind its header.
type entry struct {
	kind    plumbing.ObjectType
	size    int
	content []byte
}

func packOf(objects ...entry) []byte {
	out := binary.BigEndian.AppendUint32([]byte("PACK\x00\x00\x00\x02"), uint32(len(objects)))
	for _, o := range objects {
		first := byte(o.kind)<<4 | byte(o.size&15)
		if o.size >>= 4; o.size > 0 {
			first |= 0x80
		}
		out = append(out, first)
		if o.size > 0 {
			out = binary.AppendUvarint(out, uint64(o.size))
		}
		out = append(out, o.content...)
	}
	sum := sha1.Sum(out)
	return append(out, sum[:]...)
}

func deflated(text string) []byte {
	var out bytes.Buffer
	w := zlib.NewWriter(&out)
	if _, err := w.Write([]byte(text)); err != nil {
		return nil // impossible: it writes to memory
	}
	if w.Close() != nil {
		return nil
	}
	return out.Bytes()
}

func TestAPackThatHoldsMuchIsRefused(t *testing.T) {
	const large = 1 << 20
	most := bounds{object: large, all: 3 * large}
	blob := entry{plumbing.BlobObject, large, deflated(strings.Repeat("x", large))}
	delta := entry{plumbing.REFDeltaObject, 6, append(make([]byte, 20), deflated("\x01\xff\xff\xff\xff\x7f")...)}
	for name, pack := range map[string][]byte{
		"all files":    packOf(blob, blob, blob, blob),
		"a delta":      packOf(delta),
		"half a delta": packOf(entry{plumbing.REFDeltaObject, 1, append(make([]byte, 20), deflated("\x01")...)}),
		"its size":     packOf(entry{plumbing.BlobObject, large + 1, deflated("x")}),
		"its count":    []byte("PACK\x00\x00\x00\x02\xff\xff\xff\xff"),
	} {
		if err := survey(pack, most); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if err := survey(packOf(blob, blob, blob), most); err != nil {
		t.Error(err)
	}
}

func TestWhatIsTooLargeIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		tree  func(t *testing.T, dir string) string
		words string
	}{
		"the pack": {func(t *testing.T, dir string) string {
			var list strings.Builder
			for i := range 5 {
				random := make([]byte, 4<<20)
				if _, err := rand.Read(random); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&list, "100644 blob %s\tf%d\n", pipe(t, dir, string(random), "hash-object", "-w", "--stdin"), i)
			}
			return pipe(t, dir, list.String(), "mktree")
		}, "16 MB"},
		"a file": {func(t *testing.T, dir string) string {
			return pipe(t, dir, "100644 blob "+pipe(t, dir, strings.Repeat("x", largestObject+1), "hash-object", "-w", "--stdin")+"\tf\n", "mktree")
		}, "8 MB"},
		"folders in folders": {func(t *testing.T, dir string) string {
			tree := pipe(t, dir, "", "mktree")
			for range 12 {
				var list strings.Builder
				for i := range 20 {
					fmt.Fprintf(&list, "040000 tree %s\tf%02d\n", tree, i)
				}
				tree = pipe(t, dir, list.String(), "mktree")
			}
			return tree
		}, "more than 100000 files"},
	} {
		s := serve(t)
		shell(t, s.dir, "config", "core.compression", "0") // it only takes time
		hash := s.hold(t, c.tree(t, s.dir))
		_, err := Fetch(t.Context(), s.over(&middle{}), hash, 1)
		if err == nil || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
