package workflows_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/mlopsctl/mlopsctl/internal/workflows"
	"github.com/rhysd/actionlint"
)

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root(t), path))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// What a release is called and what the action looks for are told in two places.
func TestTheActionLooksForWhatAReleaseHas(t *testing.T) {
	var release struct {
		Builds []struct {
			Binary       string
			Ldflags      []string
			Goos, Goarch []string
		}
		Archives []struct {
			Name      string   `yaml:"name_template"`
			Formats   []string `yaml:"formats"`
			Overrides []struct {
				Goos    string
				Formats []string
			} `yaml:"format_overrides"`
		}
		Checksum struct {
			Name      string `yaml:"name_template"`
			Algorithm string
		}
		SBOMs []struct{ Artifacts, Cmd string }
	}
	if err := yaml.Unmarshal([]byte(content(t, ".goreleaser.yaml")), &release); err != nil {
		t.Fatal(err)
	}
	install := content(t, "action/install.sh")
	build, archive := release.Builds[0], release.Archives[0]
	for _, os := range build.Goos {
		if !strings.Contains(install, "os="+os) {
			t.Errorf("the action knows no %s", os)
		}
	}
	for _, arch := range build.Goarch {
		if !strings.Contains(install, "arch="+arch) {
			t.Errorf("the action knows no %s", arch)
		}
	}
	if offered := len(regexp.MustCompile(`\b(os|arch)=[a-z0-9]+ ;;`).FindAllString(install, -1)); offered != len(build.Goos)+len(build.Goarch) {
		t.Errorf("the action looks for %d systems and processors, a release has %d", offered, len(build.Goos)+len(build.Goarch))
	}
	if archive.Name != "{{ .ProjectName }}_{{ .Version }}_{{ .Os }}_{{ .Arch }}" || !strings.Contains(install, "archive=${name}_${version}_${os}_${arch}.$ending") {
		t.Errorf("archives are called %s", archive.Name)
	}
	if !slices.Equal(archive.Formats, []string{"tar.gz"}) || archive.Overrides[0].Goos != "windows" || !slices.Equal(archive.Overrides[0].Formats, []string{"zip"}) {
		t.Errorf("archives are %v, %v", archive.Formats, archive.Overrides)
	}
	if release.Checksum.Name != "checksums.txt" || release.Checksum.Algorithm != "sha256" {
		t.Errorf("checksums are %+v", release.Checksum)
	}
	if len(release.SBOMs) == 0 || release.SBOMs[0].Artifacts != "binary" {
		t.Error("nothing says what a binary is made of")
	}
	// The linker says nothing of a variable that is not there.
	variable := regexp.MustCompile(`internal/cli\.(\w+)=`).FindStringSubmatch(build.Ldflags[0])
	if variable == nil || !strings.Contains(content(t, "internal/cli/version.go"), "\nvar "+variable[1]+" string\n") {
		t.Errorf("the version is linked into %v", variable)
	}
}

func TestTheReleaseWorkflowIsSound(t *testing.T) {
	const path = ".github/workflows/release.yml"
	text := content(t, path)
	project, err := actionlint.NewProject(root(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range lintIn(t, project, text) {
		t.Error(e)
	}
	r := read(t, []workflows.File{{Path: path, Content: []byte(text)}})
	for _, n := range []int{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 15, 17, 21} {
		for _, found := range defects()[n-1].find(r) {
			t.Errorf("%d, %s: %s", n, defects()[n-1].name, found)
		}
	}
	// A tag starts it, and no branch and no pull request.
	if on := r[0].root.get("on"); len(on.Content) != 2 || on.get("push").keys()[0] != "tags" || len(on.get("push").keys()) != 1 {
		t.Errorf("it is started by %s", on.all())
	}
	for target := range strings.FieldsSeq("release release-snapshot") {
		if !strings.Contains(content(t, "Makefile"), "\n"+target+":") {
			t.Errorf("make knows no %s", target)
		}
	}
}
