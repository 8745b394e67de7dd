package killtest

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mlopsctl/mlopsctl/internal/sandbox"
)

// world is what one run finds: the services, a folder with the spec, a home.
type world struct {
	t       *testing.T
	site    *site
	root    string // spec, home, tmp and sandbox are in it
	sandbox *sandbox.Sandbox
	gate    *gate
	secrets *trove
	login   login
	later   time.Duration // by which the clock of the services is ahead
	earlier string        // the client secret that prod's jobs had before the phase, if they had one
	unsaid  bool          // a run ended when it had made the repository, and had no ledger yet to say so in
}

// login is how the operator logs in to GitHub.
type login string

const (
	byToken login = "a token"
	byApp   login = "an App"
)

// The secrets that are planted; what the services give out is added as they do.
const (
	envValue     = "canary-env-8d1f6a0b7c3e5924"
	fileValue    = "canary-file-5e2b90d4a7c1f386"
	commandValue = "canary-command-0c9a4f7e2d6b8153"
	gitValue     = "canary-git-a41f7c0e5d93b862"
	profileValue = "canary-profile-3b7d5e9f1a2c4068"
	tokenValue   = "canary-token-71c3e8a5d9f0b264"
	ghValue      = "gho_canaryGh4d8b2f6e0a9c7153"
	proxyValue   = "canary-proxy-96e1c4b8f2a7d035"
	otherValue   = "canary-other-d2a70f5c81b3e946"
)

// appKey is the key of a GitHub App, in PEM: private and public.
var appKey = sync.OnceValues(func() (string, string) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(fmt.Sprintf("making a key: %v", err))
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		panic(fmt.Sprintf("the public half of a key: %v", err))
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public}))
})

const (
	appID        = 7
	installation = 70
)

// settle makes a world out of the example: its folder under version control, its services as the world
// file says, with an App and a principal of one workspace beside the operator, and a home that holds
// the logins of other tools.
func settle(t *testing.T, s *site, by login) *world {
	t.Helper()
	w := &world{t: t, site: s, root: t.TempDir(), login: by}
	w.must(os.CopyFS(w.spec(), os.DirFS("../../examples/mlops-stack-demo")))
	text := w.read(w.spec("mlops.yaml"))
	text = strings.Replace(text, "secrets:  ", "secrets:\n"+
		"  FILE_TOKEN: { file: values/file }\n"+
		"  COMMAND_TOKEN: { command: [cat, values/command] }\n"+
		"  PROD_WORKSPACE_TOKEN: { personal_access_token: { target: prod, lifetime: 90d } }\n  #", 1)
	text = strings.Replace(text, "    directory: /Shared/mlops-stack-demo ", "    git_credential: { provider: gitHub, username: taxi-bot, token: { file: values/git } }\n"+
		"    directory: /Shared/mlops-stack-demo ", 1)
	w.write(w.spec("mlops.yaml"), s.names.Replace(text))
	w.write(w.spec("values/file"), fileValue)
	w.write(w.spec("values/command"), commandValue)
	w.write(w.spec("values/git"), gitValue)
	w.write(w.spec(".gitignore"), w.read(w.spec(".gitignore"))+"values/\n")
	w.write(w.home(".databrickscfg"), fmt.Sprintf("[release]\nhost = %s\nclient_id = %s\nclient_secret = %s\n"+
		"[other]\nhost = https://other.cloud.databricks.com\ntoken = %s\n", s.prod(), profileClient, profileValue, otherValue))
	w.write(w.home(".config/gh/hosts.yml"), "github.example:\n  oauth_token: "+ghValue+"\n")
	w.must(os.MkdirAll(w.tmp(), 0o700))
	w.git("init", "--quiet", "--template=", "--initial-branch=main")
	w.commit("the spec")
	w.open([]byte(s.names.Replace(w.moreWorld())))
	return w
}

const profileClient = "5a1e0000-0000-4000-8000-00000000cafe"

// moreWorld is the example's world with the App, and with the principal that the profile logs in as.
func (w *world) moreWorld() string {
	_, public := appKey()
	principal := fmt.Sprintf(`databricks:
  service_principals:
    - name: release operator
      application_id: %s
      client_secret: %s
      account_admin: true
      metastore_admin: true
      workspace_admin: [https://e2-demo-field-eng.cloud.databricks.com]
`, profileClient, profileValue)
	app := fmt.Sprintf(`github:
  apps:
    - id: %d
      slug: robot
      installation: %d
      public_key: %q
      permissions: { administration: write, actions: write, actions_variables: write, contents: write, environments: write, members: read,
        metadata: read, organization_administration: read, secrets: write, variables: write, workflows: write, pull_requests: write }
`, appID, installation, public)
	text := w.read(w.spec("world.yaml"))
	// Prod's data belongs to whom the profile logs in as.
	text = strings.ReplaceAll(text, "name: prod.", `owner: "service_principal:release operator", name: prod.`)
	return strings.Replace(strings.Replace(text, "databricks:\n", principal, 1), "github:\n", app, 1)
}

// open serves the sandbox in the world's folder, which begins with a world file where there is none yet.
func (w *world) open(worldFile []byte) {
	w.t.Helper()
	box, err := sandbox.Open(sandbox.Options{Dir: w.at("sandbox"), Hosts: w.site.hosts, World: worldFile,
		Now: func() time.Time { return time.Now().Add(w.later) }})
	w.must(err)
	w.sandbox = box
	w.secrets = w.plant()
	w.gate = &gate{services: box.Handler(), github: w.site.hosts.GitHub, watch: w.secrets, seen: map[string]int{}}
	w.site.now.Store(w.gate)
}

// plant makes the planted secrets known to the search.
func (w *world) plant() *trove {
	private, _ := appKey()
	operator := w.sandbox.Operator()
	known := &trove{}
	known.add("the value of env:", envValue, nowhere)
	known.add("the value of file:", fileValue, nowhere)
	known.add("the value of command:", commandValue, nowhere)
	known.add("the Git token", gitValue, atGitProvider)
	known.add("the profile's client secret", profileValue, atDatabricks)
	known.add("the operator's client secret", operator["DATABRICKS_CLIENT_SECRET"], atDatabricks)
	known.add("GITHUB_TOKEN", operator["GITHUB_TOKEN"], atGitHub)
	known.add("the App's key", private, nowhere)
	known.add("DATABRICKS_TOKEN", tokenValue, nowhere)
	known.add("gh's token for another host", ghValue, nowhere)
	known.add("the proxy's password", proxyValue, nowhere)
	known.add("the token of another profile", otherValue, nowhere)
	return known
}

// environment is the child's.
func (w *world) environment() []string {
	operator := w.sandbox.Operator()
	env := []string{
		"HOME=" + w.home(), "TMPDIR=" + w.tmp(), "PATH=" + os.Getenv("PATH"), "GORACE=halt_on_error=1 atexit_sleep_ms=0",
		"DATABRICKS_CLIENT_ID=" + operator["DATABRICKS_CLIENT_ID"], "DATABRICKS_CLIENT_SECRET=" + operator["DATABRICKS_CLIENT_SECRET"],
		"DATABRICKS_HOST=https://elsewhere.cloud.databricks.com", "DATABRICKS_TOKEN=" + tokenValue,
		"HTTPS_PROXY=http://user:" + proxyValue + "@proxy.example:3128", "MLOPS_WORKFLOW_TOKEN=" + envValue,
	}
	if w.login == byToken {
		return append(env, "GITHUB_TOKEN="+operator["GITHUB_TOKEN"])
	}
	private, _ := appKey()
	return append(env, fmt.Sprintf("MLOPSCTL_GITHUB_APP_ID=%d", appID), fmt.Sprintf("MLOPSCTL_GITHUB_APP_INSTALLATION_ID=%d", installation),
		"MLOPSCTL_GITHUB_APP_PRIVATE_KEY="+private)
}

func (w *world) at(parts ...string) string {
	return filepath.Join(append([]string{w.root}, parts...)...)
}
func (w *world) spec(parts ...string) string {
	return filepath.Join(append([]string{w.root, "spec"}, parts...)...)
}
func (w *world) home(parts ...string) string {
	return filepath.Join(append([]string{w.root, "home"}, parts...)...)
}
func (w *world) tmp() string { return w.at("tmp") }

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) read(file string) string {
	w.t.Helper()
	data, err := os.ReadFile(file)
	w.must(err)
	return string(data)
}

func (w *world) write(file, text string) {
	w.t.Helper()
	w.must(os.MkdirAll(filepath.Dir(file), 0o700))
	w.must(os.WriteFile(file, []byte(text), 0o600))
}

// git runs git in the folder of the spec.
func (w *world) git(args ...string) string { return w.gitIn(w.spec(), args...) }

func (w *world) gitIn(dir string, args ...string) string {
	w.t.Helper()
	cmd := exec.CommandContext(w.t.Context(), "git", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_NOSYSTEM=1",
		"GIT_AUTHOR_NAME=Ann", "GIT_AUTHOR_EMAIL=ann@acme.test", "GIT_COMMITTER_NAME=Ann", "GIT_COMMITTER_EMAIL=ann@acme.test")
	out, err := cmd.Output()
	if err != nil {
		w.t.Fatalf("git %v: %v\n%s", args, err, out)
	}
	return string(out)
}

func (w *world) commit(message string) {
	w.t.Helper()
	w.git("add", "--all")
	w.git("commit", "--quiet", "--message", message)
}
