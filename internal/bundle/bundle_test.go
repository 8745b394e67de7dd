package bundle

import (
	"strings"
	"testing"
)

const user = "0b5e55ed-1111"

func TestMetadataLiesWhereTheFileSaysAndInTheHomeOtherwise(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"nothing said":  {"targets: {prod: {}}", "/Workspace/Users/" + user + "/.bundle/fares/prod/state/metadata.json"},
		"a null target": {"targets: {prod: }", "/Workspace/Users/" + user + "/.bundle/fares/prod/state/metadata.json"},
		"for every target": {"workspace: {root_path: '/Shared/${bundle.name}-${bundle.target}'}\ntargets: {prod: {}}",
			"/Workspace/Shared/fares-prod/state/metadata.json"},
		"for one target": {"workspace: {root_path: /Shared/x}\ntargets: {prod: {workspace: {root_path: '~/live'}}}",
			"/Workspace/Users/" + user + "/live/state/metadata.json"},
		"the user": {"targets: {prod: {workspace: {root_path: '/Workspace/Users/${workspace.current_user.userName}/b'}}}",
			"/Workspace/Users/" + user + "/b/state/metadata.json"},
		"the state alone": {"targets: {prod: {workspace: {state_path: '${workspace.root_path}/s'}}}",
			"/Workspace/Users/" + user + "/.bundle/fares/prod/s/metadata.json"},
		"a variable": {"variables: {root: {default: /Shared/a}}\ntargets: {prod: {workspace: {root_path: '${var.root}/b'}}}",
			"/Workspace/Shared/a/b/state/metadata.json"},
		"a target's variable": {"variables: {root: {default: /Shared/a}}\ntargets: {prod: {variables: {root: /Shared/c}, workspace: {root_path: '${var.root}'}}}",
			"/Workspace/Shared/c/state/metadata.json"},
		"a name of the target's own": {"targets: {prod: {bundle: {name: other}}}", "/Workspace/Users/" + user + "/.bundle/other/prod/state/metadata.json"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := Read([]byte("bundle: {name: fares}\n" + test.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := f.MetadataPath("prod", user)
			if err != nil || got != test.want {
				t.Errorf("it lies at %s (%v), want %s", got, err, test.want)
			}
		})
	}
}

func TestWhatCannotBeToldIsSaid(t *testing.T) {
	tests := map[string]struct{ file, want string }{
		"no target":        {"targets: {staging: {}}", "has no target prod"},
		"a look-up":        {"targets: {prod: {workspace: {root_path: '/Shared/${var.looked_up}'}}}", "${var.looked_up} is not known"},
		"round and round":  {"variables: {a: {default: '${var.a}x'}}\ntargets: {prod: {workspace: {root_path: '${var.a}'}}}", "refers to itself"},
		"the state's path": {"targets: {prod: {workspace: {state_path: '${resources.jobs.x.id}'}}}", "state_path of target prod"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := Read([]byte("bundle: {name: fares}\n" + test.file))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := f.MetadataPath("prod", user); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("it lies at %q (%v), want an error that says %q", got, err, test.want)
			}
		})
	}
	for text, want := range map[string]string{"targets: {}": "names no bundle", "a: [": "reading databricks.yml"} {
		if _, err := Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %q: %v, want an error that says %q", text, err, want)
		}
	}
}

func TestMetadataNamesTheCommitAndTheJobs(t *testing.T) {
	m, err := ReadMetadata([]byte(`{"version":1,"config":{"bundle":{"name":"fares","git":{"branch":"release","commit":"abc"}},
		"resources":{"jobs":{"train":{"id":"17","relative_path":"resources/x.yml"}}}},"extra":{}}`))
	if err != nil || m.Branch != "release" || m.Commit != "abc" || len(m.Jobs) != 1 || m.Jobs["train"] != "17" {
		t.Errorf("the metadata is %+v (%v)", m, err)
	}
	for text, want := range map[string]string{`{"version":2}`: "its version is 2", `[]`: "metadata.json"} {
		if _, err := ReadMetadata([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("reading %s: %v, want an error that says %q", text, err, want)
		}
	}
}
