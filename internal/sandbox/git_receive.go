package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/packfile"
)

const flushPacket = "0000"

// writePacket frames text in git's way, with its length before it.
func writePacket(out *bytes.Buffer, text string) { fmt.Fprintf(out, "%04x%s", len(text)+4, text) }

// push is what git sends to be received: commands, and the objects that they need.
type push struct {
	commands  []refChange
	abilities []string
	pack      []byte
}

func (p *push) can(ability string) bool { return slices.Contains(p.abilities, ability) }

// receivePack takes a push. It is done here, not by git, because GitHub decides about every ref by
// its rules, after the objects have arrived and before any ref moves.
func receivePack(g *gitCall) (*reply, error) {
	body, err := g.unzipped()
	if err != nil {
		return nil, err
	}
	answer := &reply{status: http.StatusOK, header: http.Header{"Content-Type": {"application/x-git-receive-pack-result"}}, body: []byte{}}
	p, err := parsePush(body)
	if err != nil {
		return nil, &failure{status: http.StatusBadRequest, message: err.Error()}
	}
	if len(p.commands) == 0 {
		return answer, nil // git asks whether it may, before it sends much
	}
	report := pushReport{unpack: "ok"}
	if err := g.unpack(p); err != nil {
		report.unpack = err.Error()
		for _, c := range p.commands {
			report.add(c.name, &refusal{reason: "unpacker error"})
		}
	} else if err := g.execute(p, &report); err != nil {
		return nil, err
	}
	answer.body = report.render(p)
	return answer, nil
}

func parsePush(body []byte) (*push, error) {
	p := &push{}
	for {
		if len(body) < 4 {
			return nil, errors.New("a push ended inside its commands")
		}
		size, err := strconv.ParseUint(string(body[:4]), 16, 16)
		if err != nil || size != 0 && (size < 4 || int(size) > len(body)) {
			return nil, fmt.Errorf("a push with a packet length of %q", body[:4])
		}
		if size == 0 {
			p.pack = body[4:]
			return p, nil
		}
		line := string(body[4:size])
		body = body[size:]
		if strings.HasPrefix(line, "shallow ") {
			continue // the sandbox has the whole history
		}
		line, abilities, _ := strings.Cut(line, "\x00")
		if abilities != "" {
			p.abilities = strings.Fields(abilities)
		}
		fields := strings.SplitN(strings.TrimSuffix(line, "\n"), " ", 3)
		if len(fields) != 3 || !plumbing.IsHash(fields[0]) || !plumbing.IsHash(fields[1]) {
			return nil, fmt.Errorf("a push with a command that is none: %q", line)
		}
		p.commands = append(p.commands, refChange{name: fields[2], old: plumbing.NewHash(fields[0]), new: plumbing.NewHash(fields[1])})
	}
}

// unpack keeps the objects. They are nobody's until a ref reaches them.
func (g *gitCall) unpack(p *push) error {
	const header = 12 // "PACK", the version, the number of objects
	if len(p.pack) == 0 || len(p.pack) >= header && bytes.Equal(p.pack[8:header], make([]byte, 4)) {
		return nil
	}
	if err := packfile.UpdateObjectStorage(g.store.repo.Storer, bytes.NewReader(p.pack)); err != nil {
		return fmt.Errorf("index-pack abnormal exit: %w", err)
	}
	// Opened again, so that the new pack is seen.
	store, err := g.gitStore(g.repo)
	g.store = store
	return err
}

// execute moves the refs that nothing is against; all or none of them where the push is atomic.
func (g *gitCall) execute(p *push, report *pushReport) error {
	refusals, refused := make([]*refusal, len(p.commands)), false
	for i, c := range p.commands {
		why, err := g.refuse(c)
		if err != nil {
			return err
		}
		refusals[i], refused = why, refused || why != nil
		if why == nil && !p.can("atomic") {
			if err := g.applyMove(g.repo, g.store, c); err != nil {
				return err
			}
			g.changed = true
		}
	}
	for i, c := range p.commands {
		if p.can("atomic") && refused && refusals[i] == nil {
			refusals[i] = &refusal{reason: "atomic push failure"}
		}
		if p.can("atomic") && !refused {
			if err := g.applyMove(g.repo, g.store, c); err != nil {
				return err
			}
			g.changed = true
		}
		report.add(c.name, refusals[i])
	}
	return nil
}

// refuse checks what git checks, the old value and the objects, and then GitHub's own rules.
func (g *gitCall) refuse(c refChange) (*refusal, error) {
	now, err := g.store.ref(c.name)
	if err != nil {
		return nil, err
	}
	switch {
	case now == c.old:
	case c.creates():
		return &refusal{reason: fmt.Sprintf("cannot lock ref '%s': reference already exists", c.name)}, nil
	default:
		return &refusal{reason: fmt.Sprintf("cannot lock ref '%s': is at %s but expected %s", c.name, now, c.old)}, nil
	}
	if c.deletes() && now.IsZero() {
		return nil, nil // deleting what is not there is no error to git
	}
	if !c.deletes() {
		if err := g.store.connected(c.new); err != nil {
			return &refusal{reason: "missing necessary objects"}, nil
		}
	}
	return g.refuseMove(g.who, g.repo, g.store, c)
}

// pushReport is what git is told about each ref, and the lines that it shows to its user.
type pushReport struct {
	unpack string
	lines  []string
	remote []string
}

func (r *pushReport) add(name string, why *refusal) {
	if why == nil {
		r.lines = append(r.lines, "ok "+name+"\n")
		return
	}
	r.lines = append(r.lines, "ng "+name+" "+why.reason+"\n")
	r.remote = append(r.remote, why.message...)
}

// render writes the report, on a side band where the client asked for one: only there can a server
// say more than one line a ref.
func (r *pushReport) render(p *push) []byte {
	if !p.can("report-status") && !p.can("report-status-v2") {
		return []byte{}
	}
	var status bytes.Buffer
	writePacket(&status, "unpack "+r.unpack+"\n")
	for _, line := range r.lines {
		writePacket(&status, line)
	}
	status.WriteString(flushPacket)
	if !p.can("side-band-64k") {
		return status.Bytes()
	}
	var out bytes.Buffer
	for _, line := range r.remote {
		writePacket(&out, "\x02"+line+"\n")
	}
	const most = 65515 // of one packet, after its length and its band
	for part := range slices.Chunk(status.Bytes(), most) {
		writePacket(&out, "\x01"+string(part))
	}
	out.WriteString(flushPacket)
	return out.Bytes()
}
