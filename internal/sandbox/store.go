package sandbox

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// stateFormat is the version of state.json that this program writes.
const stateFormat = 1

// load reads the state in the folder, or begins one.
func (s *Sandbox) load() error {
	if s.opt.Dir == "" {
		return s.begin(s.opt.World)
	}
	if err := s.release(); err != nil {
		return fmt.Errorf("the sandbox's request log: %w", err) // another process may have begun it anew
	}
	data, err := os.ReadFile(s.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return s.begin(s.opt.World)
	}
	if err != nil {
		return fmt.Errorf("reading its state: %w", err)
	}
	var version struct {
		Format int `json:"format"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return fmt.Errorf("%s is not whole (%w); `mlopsctl sandbox reset` begins anew", s.stateFile(), err)
	}
	if version.Format != stateFormat {
		return fmt.Errorf("%s has format %d, this version of mlopsctl writes format %d; `mlopsctl sandbox reset` begins anew",
			s.stateFile(), version.Format, stateFormat)
	}
	state := &State{}
	if err := json.Unmarshal(data, state); err != nil {
		return fmt.Errorf("reading %s: %w; `mlopsctl sandbox reset` begins anew", s.stateFile(), err)
	}
	if state.Databricks == nil || state.GitHub == nil {
		return fmt.Errorf("%s lacks a service's part; `mlopsctl sandbox reset` begins anew", s.stateFile())
	}
	s.state = state
	s.welcome()
	return nil
}

// welcome adds what the configured hosts have and the state has not: a spec changes between two runs.
func (s *Sandbox) welcome() {
	s.welcomeWorkspaces()
	gh, name := s.state.GitHub, s.opt.Hosts.Owner
	if name == "" || gh.account(name) != nil {
		return
	}
	owner := s.addAccount(name)
	owner.Org, owner.Plan, owner.Base = true, "enterprise", "read"
	if operator := gh.operator(); operator != nil {
		owner.Members = append(owner.Members, &ghMember{Login: operator.Login, Owner: true})
	}
}

// begin makes the state that the guide presumes, and adds what a world file says.
func (s *Sandbox) begin(world []byte) error {
	w, err := parseWorld(world)
	if err == nil {
		s.state = &State{Format: stateFormat, Operator: w.Operator}
		err = s.make(w)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", cmp.Or(s.opt.WorldFile, "world file"), err)
	}
	return s.save()
}

func (s *Sandbox) make(w *World) error {
	if err := checkOperator(w.Operator); err != nil {
		return err
	}
	if err := s.beginDatabricks(w.Databricks); err != nil {
		return err
	}
	if err := s.beginGitHub(w.GitHub); err != nil {
		return err
	}
	return s.inject(w.Faults)
}

// save writes the state beside the old one and puts it in its place, so that a kill, or a second
// process, never leaves half of it.
func (s *Sandbox) save() error {
	if s.opt.Dir == "" || s.trouble != nil {
		return s.trouble
	}
	if err := s.turn.change(); err != nil {
		return fmt.Errorf("saving the sandbox: %w", err)
	}
	data, err := json.MarshalIndent(s.state, "", " ")
	if err != nil {
		return fmt.Errorf("saving the sandbox: %w", err)
	}
	f, err := os.CreateTemp(s.opt.Dir, "state-*.tmp")
	if err != nil {
		return fmt.Errorf("saving the sandbox: %w", err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), s.stateFile())
	}
	if err != nil {
		return fmt.Errorf("saving the sandbox: %w", errors.Join(err, os.Remove(f.Name())))
	}
	s.version = s.turn.version // until then what is on disk counts, and is read anew
	return nil
}

func (s *Sandbox) stateFile() string { return filepath.Join(s.opt.Dir, "state.json") }

// Reset forgets everything and begins anew with a world file, which may be empty.
func (s *Sandbox) Reset(world []byte) error {
	s.take() // a state that cannot be read any more keeps nobody from a new one
	defer s.unlock()
	err := s.trouble
	if err == nil {
		err = s.beginAnew(world)
	}
	if err != nil {
		return fmt.Errorf("resetting the sandbox: %w", err)
	}
	return nil
}

func (s *Sandbox) beginAnew(world []byte) error {
	// A world file that is wrong must not cost the state that is there.
	trial := &Sandbox{opt: Options{Now: s.opt.Now, Hosts: s.opt.Hosts, WorldFile: s.opt.WorldFile}}
	if err := errors.Join(trial.begin(world), trial.release()); err != nil {
		return err
	}
	if err := s.clear(); err != nil {
		return err
	}
	s.log, s.seen, s.issuer = nil, map[string]*recentGets{}, &issuer{}
	return s.begin(world)
}

// Renew is Open with all forgotten that the folder held, also where that cannot be opened any more.
func Renew(o Options) (*Sandbox, error) {
	s := create(o)
	if err := s.Reset(o.World); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *Sandbox) clear() error {
	s.inMemory = nil
	if err := s.release(); err != nil || s.opt.Dir == "" {
		return err
	}
	var errs []error
	for _, name := range []string{"state.json", "requests.jsonl", "git"} {
		errs = append(errs, os.RemoveAll(filepath.Join(s.opt.Dir, name)))
	}
	return errors.Join(errs...)
}

// Close gives back what the sandbox holds open. Its state is on disk already.
func (s *Sandbox) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.release()
}

func (s *Sandbox) release() error {
	if s.journal == nil {
		return nil
	}
	err := s.journal.Close()
	s.journal = nil
	return err
}
