package sandbox

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
)

// gitRoutes serves git's smart HTTP: what a stock git sends for clone, fetch and push.
func (s *Sandbox) gitRoutes() {
	s.on(githubService, "GET", "/{owner}/{repo}/info/refs", gitHandler(advertise))
	s.on(githubService, "POST", "/{owner}/{repo}/git-upload-pack", gitHandler(uploadPack))
	s.on(githubService, "POST", "/{owner}/{repo}/git-receive-pack", gitHandler(receivePack))
}

// gitCall is a request of git for a repository that its caller may use so.
type gitCall struct {
	*call
	who   *actor
	repo  *ghRepo
	store *gitStore
}

// gitService is one of git's two services: to fetch, and to push.
type gitService string

const (
	fetchService gitService = "git-upload-pack"
	pushService  gitService = "git-receive-pack"
)

func gitHandler(handle func(*gitCall) (*reply, error)) handler {
	return func(c *call) (any, error) {
		g := &gitCall{call: c}
		if refused, err := g.enter(); refused != nil || err != nil {
			return refused, err
		}
		answer, err := handle(g)
		if err != nil {
			return nil, err
		}
		answer.header.Set("Cache-Control", "no-cache, max-age=0, must-revalidate")
		return answer, nil
	}
}

func (g *gitCall) wanted() gitService {
	if strings.HasSuffix(g.path, "/info/refs") {
		return gitService(g.req.URL.Query().Get("service"))
	}
	return gitService(g.path[strings.LastIndex(g.path, "/")+1:])
}

// gitText is an answer that git shows to its user after "remote:".
func gitText(status int, format string, args ...any) *reply {
	header := http.Header{"Content-Type": {"text/plain; charset=UTF-8"}}
	if status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", `Basic realm="GitHub"`)
	}
	return &reply{status: status, header: header, body: fmt.Appendf(nil, format, args...)}
}

// enter finds the repository and checks the caller. Without credentials git is asked for some, so
// that nobody learns what is there.
func (g *gitCall) enter() (*reply, error) {
	service := g.wanted()
	if service != fetchService && service != pushService {
		return gitText(http.StatusForbidden, "Please upgrade your git client.\nGitHub.com no longer supports git over dumb-http\n"), nil
	}
	who, err := g.identify(g.req)
	var bad *failure
	if errors.As(err, &bad) {
		return gitText(http.StatusUnauthorized, "Invalid username or token. Password authentication is not supported for Git operations.\n"), nil
	}
	if err != nil {
		return nil, err
	}
	g.credit(who)
	gh := g.state.GitHub
	r, renamed := gh.repository(g.vars["owner"], strings.TrimSuffix(g.vars["repo"], ".git"))
	rest := &ghCall{call: g.call, gh: gh, who: who, repo: r}
	if r == nil || !rest.sees(who, r) || service == pushService && who == nil {
		if who == nil {
			return gitText(http.StatusUnauthorized, "Repository not found.\n"), nil
		}
		return gitText(http.StatusNotFound, "Repository not found.\n"), nil
	}
	if renamed {
		location := fmt.Sprintf("%s/%s.git%s?%s", rest.gitBase(), gh.fullName(r), g.path[strings.LastIndex(g.path, ".git")+len(".git"):], g.req.URL.RawQuery)
		if !strings.Contains(g.path, ".git/") {
			location = fmt.Sprintf("%s/%s/info/refs?%s", rest.gitBase(), gh.fullName(r), g.req.URL.RawQuery)
		}
		return &reply{status: http.StatusMovedPermanently, header: http.Header{"Location": {location}}}, nil
	}
	g.who, g.repo = who, r
	if service == pushService {
		if rest.may(who, r, writes("contents", writeAccess)) != nil {
			return gitText(http.StatusForbidden, "Permission to %s.git denied to %s.\n", gh.fullName(r), who.name()), nil
		}
		if r.Archived {
			return gitText(http.StatusForbidden, "This repository was archived so it is read-only.\n"), nil
		}
	} else if rest.may(who, r, reads("contents", readAccess)) != nil {
		return gitText(http.StatusForbidden, "Write access to repository not granted.\n"), nil
	}
	g.store, err = g.gitStore(r)
	return nil, err
}

// gitBase is the address below which the caller found the repositories.
func (g *ghCall) gitBase() string { return strings.TrimSuffix(g.apiBase(), "/api/v3") }

func advertise(g *gitCall) (*reply, error) {
	service := g.wanted()
	header := http.Header{"Content-Type": {"application/x-" + string(service) + "-advertisement"}}
	var out bytes.Buffer
	if service == pushService {
		writePacket(&out, "# service=git-receive-pack\n")
		out.WriteString(flushPacket)
		err := g.advertisePush(&out)
		return &reply{status: http.StatusOK, header: header, body: out.Bytes()}, err
	}
	if g.newerProtocol() {
		abilities, err := g.git(nil, "--http-backend-info-refs")
		return &reply{status: http.StatusOK, header: header, body: abilities}, err
	}
	writePacket(&out, "# service=git-upload-pack\n")
	out.WriteString(flushPacket)
	err := g.advertiseFetch(&out)
	return &reply{status: http.StatusOK, header: header, body: out.Bytes()}, err
}

// pushAbilities is what the sandbox understands of a push. A thin pack is not among it: its deltas
// are against objects that it does not hold.
const pushAbilities = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta no-thin object-format=sha1 agent=github/mlopsctl-sandbox"

func (g *gitCall) advertisePush(out *bytes.Buffer) error {
	refs, err := g.store.refs("refs/")
	if err != nil {
		return err
	}
	refs = slices.DeleteFunc(refs, func(r gitRef) bool { return strings.HasPrefix(r.name, "refs/pull/") }) // nobody pushes there
	if len(refs) == 0 {
		writePacket(out, strings.Repeat("0", 40)+" capabilities^{}\x00"+pushAbilities+"\n")
	}
	for i, ref := range refs {
		line := ref.hash.String() + " " + ref.name
		if i == 0 {
			line += "\x00" + pushAbilities
		}
		writePacket(out, line+"\n")
	}
	out.WriteString(flushPacket)
	return nil
}

// unzipped is the request's body; git compresses what is larger.
func (g *gitCall) unzipped() ([]byte, error) {
	if g.req.Header.Get("Content-Encoding") != "gzip" {
		return g.body, nil
	}
	zipped, err := gzip.NewReader(bytes.NewReader(g.body))
	if err != nil {
		return nil, &failure{status: http.StatusBadRequest, message: "the body is not gzip: " + err.Error()}
	}
	body, err := io.ReadAll(io.LimitReader(zipped, 1<<30))
	if err != nil {
		return nil, &failure{status: http.StatusBadRequest, message: "the body is not gzip: " + err.Error()}
	}
	return body, nil
}
