package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mlopsctl/mlopsctl/internal/cli"
)

// files are those that cannot be written or read.
func files() []faultCase {
	var list []faultCase
	out := func(name string, code int, prepare func(w *world) string) {
		list = append(list, faultCase{class: "F38", name: "read/" + name, codes: []int{code}, act: func(w *world) outcome {
			return w.run(context.Background(), "plan", "--out", prepare(w))
		}, after: func(w *world, _ outcome) {
			left, err := filepath.Glob(filepath.Join(w.dir, ".plan-*"))
			if err != nil || len(left) > 0 {
				w.t.Errorf("%v is left behind (%v)", left, err)
			}
		}})
	}
	out("a_folder_that_is_missing", 3, func(w *world) string { return filepath.Join(w.dir, "missing", "plan.json") })
	out("a_folder", 3, func(w *world) string { return w.dir })
	out("a_device", 3, func(*world) string { return "/dev/full" })
	out("a_folder_that_is_a_file", 3, func(w *world) string { return filepath.Join(w.dir, "README.md", "plan.json") })
	out("a_link_into_nothing", 0, func(w *world) string {
		link := filepath.Join(w.dir, "plan.json")
		if err := os.Symlink(filepath.Join(w.dir, "gone", "x"), link); err != nil {
			w.t.Fatal(err)
		}
		return link
	})
	out("the_kernels_files", 1, func(*world) string { return "/proc/self/plan.json" })
	list = append(list, faultCase{class: "F38", name: "create/no_home", codes: []int{0}, arrange: func(w *world) { w.home = "" }})
	for name, c := range map[string]struct {
		env  map[string]string
		code int
	}{
		"a_config_that_is_gone": {map[string]string{"DATABRICKS_CONFIG_FILE": "/nonexistent/.databrickscfg"}, 0},
		"a_config_folder":       {map[string]string{"GH_CONFIG_DIR": "/proc"}, 0},
	} {
		list = append(list, faultCase{class: "F38", name: "create/" + name, codes: []int{c.code, 4}, lies: true, arrange: func(w *world) {
			for key, value := range c.env {
				w.env[key] = value
			}
		}})
	}
	list = append(list, faultCase{class: "F38", name: "create/a_secrets_file_that_is_gone", codes: []int{4}, says: []string{"licence.txt"},
		arrange: func(w *world) {
			if err := os.Remove(filepath.Join(w.dir, "licence.txt")); err != nil {
				w.t.Fatal(err)
			}
		}, repair: func(w *world) { w.write("licence.txt", fileCanary) }})
	return list
}

// damage is what becomes of a plan file before it is applied.
type damage struct {
	name  string
	codes []int
	do    func(text string) string
}

func planFiles() []faultCase {
	replace := func(old, now string) func(string) string {
		return func(text string) string { return strings.Replace(text, old, now, 1) }
	}
	refused, misused := []int{5}, []int{3}
	var list []faultCase
	for _, d := range []damage{
		{"cut_off", misused, func(text string) string { return text[:len(text)/2] }},
		{"empty", misused, func(string) string { return "" }},
		{"no_json", misused, func(string) string { return "plan" }},
		{"another_document", misused, func(string) string { return `{"hello":"world"}` }},
		{"a_list", misused, func(string) string { return "[]" }},
		{"a_newer_format", misused, replace(`"format_version": "1.0"`, `"format_version": "9.0"`)},
		{"no_format", misused, replace(`"format_version": "1.0",`, ``)},
		{"another_value", refused, replace(`"after": "Fares"`, `"after": "Evil"`)},
		{"another_wish", refused, replace(`"value": "others"`, `"value": "evil"`)},
		{"another_action", []int{3, 5}, replace(`"action": "update"`, `"action": "delete"`)},
		{"another_address", refused, replace(`"address": "variable/MODEL_OWNER"`, `"address": "variable/OTHER"`)},
		{"another_kind", []int{3, 5}, replace(`"kind": "variable"`, `"kind": "secret"`)},
		{"an_unknown_kind", []int{3, 5}, replace(`"kind": "variable"`, `"kind": "wormhole"`)},
		{"an_unknown_action", []int{3, 5}, replace(`"action": "update"`, `"action": "explode"`)},
		{"another_before", refused, replace(`"value": "ml-engineers"`, `"value": "x"`)},
		{"in_another_order", []int{0}, reordered},
		{"with_a_new_field", []int{0, 3}, replace(`"format_version"`, `"tomorrow": 1, "format_version"`)},
		{"made_for_another_spec", []int{0, 5}, replace(`"name": "taxi"`, `"name": "fares"`)},
	} {
		list = append(list, faultCase{class: "F40", name: "update/" + d.name, start: edited, codes: d.codes, act: func(w *world) outcome {
			file := filepath.Join(w.dir, "plan.json")
			w.run(context.Background(), "plan", "--out", file)
			data, err := os.ReadFile(file)
			if err != nil {
				w.t.Fatal(err)
			}
			text := d.do(string(data))
			if text == string(data) {
				w.t.Fatalf("the plan was not damaged:\n%s", text)
			}
			w.write("plan.json", text)
			return w.run(context.Background(), "apply", file, "--parallelism", "1")
		}})
	}
	return list
}

// reordered is a plan with its changes the other way round.
func reordered(text string) string {
	var p map[string]json.RawMessage
	var changes []json.RawMessage
	if json.Unmarshal([]byte(text), &p) != nil || json.Unmarshal(p["changes"], &changes) != nil {
		return text
	}
	for i, j := 0, len(changes)-1; i < j; i, j = i+1, j-1 {
		changes[i], changes[j] = changes[j], changes[i]
	}
	var err error
	if p["changes"], err = json.Marshal(changes); err != nil {
		return text
	}
	out, err := json.Marshal(p)
	if err != nil {
		return text
	}
	return string(out)
}

// closed is a stream that nobody reads any more.
type closed struct{ lockedBuffer }

// Write implements io.Writer.
func (*closed) Write([]byte) (int, error) { return 0, syscall.EPIPE }

// streams are closed, or no terminal.
func streams() []faultCase {
	var list []faultCase
	for name, args := range map[string][]string{
		"apply": {"apply", "--auto-approve"}, "apply_json": {"apply", "--auto-approve", "-o", "json"}, "plan": {"plan"}, "plan_json": {"plan", "-o", "json"}, "graph": {"graph"},
	} {
		for stream, s := range map[string]func() (io.Writer, io.Writer){
			"stdout": func() (io.Writer, io.Writer) { return &closed{}, &lockedBuffer{} },
			"stderr": func() (io.Writer, io.Writer) { return &bytes.Buffer{}, &closed{} },
		} {
			c := faultCase{class: "F41", name: fmt.Sprintf("create/%s_without_%s", name, stream), codes: []int{0}, act: func(w *world) outcome {
				out, errs := s()
				return w.runWith(context.Background(), cli.Streams{Out: out, Err: errs, Clock: w.skew}, args...)
			}}
			if stream == "stdout" {
				c.codes, c.done = []int{1}, name != "plan"
			}
			list = append(list, c)
		}
	}
	list = append(list, faultCase{class: "F41", name: "create/nobody_to_ask", codes: []int{3}, says: []string{"--auto-approve"}, act: func(w *world) outcome {
		return w.run(context.Background(), "apply")
	}})
	for _, term := range []string{"dumb", "xterm", ""} {
		list = append(list, faultCase{class: "F41", name: "create/TERM=" + term, codes: []int{0}, arrange: func(w *world) { w.env["TERM"], w.env["LANG"] = term, "C" },
			after: func(w *world, o outcome) {
				if strings.Contains(o.out+o.err, "\x1b") {
					w.t.Errorf("an escape sequence was sent to what is no terminal:\n%q", o.out)
				}
			}})
	}
	return list
}
