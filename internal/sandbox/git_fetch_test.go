package sandbox

import (
	"bytes"
	"fmt"
	"net/http"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
	"github.com/go-git/go-git/v5/storage/memory"
	"github.com/google/go-cmp/cmp"
)

// asked is a fetch as a client without anything writes it.
func asked(hash string, depth int) string {
	var out bytes.Buffer
	writePacket(&out, "want "+hash+" ofs-delta shallow\n")
	if depth > 0 {
		writePacket(&out, fmt.Sprintf("deepen %d", depth))
	}
	out.WriteString(flushPacket)
	writePacket(&out, "done\n")
	return out.String()
}

// brought is an answer to a fetch: its packets, and the objects of its pack.
type brought struct {
	Packets, Objects []string
}

func readFetch(t *testing.T, answer []byte) brought {
	t.Helper()
	var b brought
	for !bytes.HasPrefix(answer, []byte("PACK")) {
		line, rest, ok := cutPacket(answer)
		if !ok {
			t.Fatalf("no packet: %q", answer)
		}
		b.Packets, answer = append(b.Packets, line), rest
	}
	slices.Sort(b.Packets) // git cuts in an order of its own
	store := memory.NewStorage()
	if err := packfile.UpdateObjectStorage(store, bytes.NewReader(answer)); err != nil {
		t.Fatal(err)
	}
	for hash := range store.Objects {
		b.Objects = append(b.Objects, hash.String())
	}
	slices.Sort(b.Objects)
	return b
}

// threads is a repository with a merge, a folder, an executable file, a link and an annotated tag.
func threads(t *testing.T) (api *ghTest, address string, store *gitStore) {
	t.Helper()
	api, address = serveGitHub(t, "")
	api.do(201, "POST", "/orgs/acme/repos", map[string]any{"name": "demo", "private": true})
	g := newStockGit(t, withToken(address, api.token, "acme/demo.git"))
	g.write("a", "1")
	g.commit("first")
	g.run("checkout", "--quiet", "-b", "side")
	g.write("b", "2")
	g.commit("side")
	g.run("checkout", "--quiet", "main")
	for i := range 4 {
		g.write("a", strings.Repeat("text ", i+2))
		g.commit("more")
	}
	g.run("merge", "--quiet", "--no-edit", "side")
	g.run("tag", "-a", "-m", "a tag", "v1")
	g.run("push", "--quiet", "origin", "main", "side", "v1", "main~2:refs/mlopsctl/state")
	store, err := api.s.gitStore(api.s.state.GitHub.Repositories[0])
	if err != nil {
		t.Fatal(err)
	}
	return api, address + "/acme/demo.git", store
}

// git itself is the reference for what the sandbox answers in its place.
func TestAFetchBringsWhatGitWouldBring(t *testing.T) {
	api, address, store := threads(t)
	dir, remove, err := store.onDisk()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := remove(); err != nil {
			t.Error(err)
		}
	})
	git := func(input string, more ...string) []byte {
		args := append([]string{"-c", "uploadpack.allowFilter=true", "-c", "uploadpack.allowAnySHA1InWant=true", "upload-pack", "--stateless-rpc", "--strict"}, more...)
		cmd := exec.CommandContext(t.Context(), "git", append(args, dir)...)
		cmd.Stdin = strings.NewReader(input)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("git: %v", err)
		}
		return out
	}
	ours := strings.TrimPrefix(api.do(200, "GET", address+"/info/refs?service=git-upload-pack", nil).text, "001e# service=git-upload-pack\n0000")
	theirs := string(git("", "--http-backend-info-refs"))
	if got, want := withoutAgent(ours), withoutAgent(theirs); got != want {
		t.Errorf("what it says of itself: %s", cmp.Diff(want, got))
	}
	head, err := store.branch("main")
	if err != nil {
		t.Fatal(err)
	}
	state, err := store.ref("refs/mlopsctl/state")
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []plumbing.Hash{head, state} {
		for _, depth := range []int{0, 1, 2, 3, 5, 100} {
			request := asked(hash.String(), depth)
			if _, plain := parseFetch([]byte(request)); !plain {
				t.Fatalf("%q is left to git", request)
			}
			got := readFetch(t, []byte(api.do(200, "POST", address+"/git-upload-pack", request).text))
			if want := readFetch(t, git(request)); !cmp.Equal(got, want) {
				t.Errorf("%s, %d deep: %s", hash, depth, cmp.Diff(want, got))
			}
		}
	}
}

// withoutAgent cuts off who the server says that it is, with the length of the line in which it says so.
func withoutAgent(text string) string {
	first, rest, _ := strings.Cut(text, "\n")
	first, _, _ = strings.Cut(first, " agent=")
	return first[4:] + rest
}

func TestWhatIsNotPlainIsLeftToGit(t *testing.T) {
	hash := strings.Repeat("1", 40)
	whole := asked(hash, 3)
	for name, request := range map[string]string{
		"what the client has": strings.Replace(whole, "0009done\n", "0032have "+hash+"\n0009done\n", 1),
		"a side band":         "004bwant " + hash + " side-band-64k ofs-delta\n00000009done\n",
		"a shallow client":    strings.Replace(whole, "000cdeepen 3", "0035shallow "+hash+"000cdeepen 3", 1),
		"a date":              strings.Replace(whole, "000cdeepen 3", "0014deepen-since 100", 1),
		"no depth at all":     strings.Replace(whole, "000cdeepen 3", "000cdeepen 0", 1),
		"nothing wanted":      "00000009done\n",
		"no end":              strings.TrimSuffix(whole, "0009done\n"),
		"nothing":             "",
	} {
		if f, plain := parseFetch([]byte(request)); plain {
			t.Errorf("%s: %+v", name, f)
		}
	}
	for at := range whole {
		if f, plain := parseFetch([]byte(whole[:at])); plain {
			t.Errorf("cut at %d: %+v", at, f)
		}
	}
}

func TestWithoutTheGitProgramOnlyAStockGitIsRefused(t *testing.T) {
	g := newGitHubTest(t, " repositories: [{ name: acme/demo, files: { a: b } }]\n")
	head := g.head("acme/demo", "main")
	t.Setenv("PATH", t.TempDir())
	const refs = "https://github.com/acme/demo.git/info/refs?service="
	if a := g.send("GET", refs+"git-upload-pack", nil, http.Header{"Git-Protocol": {"version=2"}}); a.status != 500 || !strings.Contains(a.text, "needs the git program") {
		t.Errorf("%d %s", a.status, a.text)
	}
	g.do(200, "GET", refs+"git-receive-pack", nil)
	g.do(200, "GET", refs+"git-upload-pack", nil)
	g.do(200, "POST", "https://github.com/acme/demo.git/git-upload-pack", asked(head, 1))
}
