package killtest

// fate is what a phase does to the client secret that prod's jobs had when it began.
type fate string

const (
	stays   fate = ""        // it is the one that is stored afterwards, or still works beside the new one
	revoked fate = "revoked" // it has been replaced for longer than the overlap
)

// alwaysLogsIn returns a check for after each request: from when prod's jobs have a client secret on, the
// one that is stored logs in; and so does the one from before the phase, which queued jobs hold, unless
// its time is over.
func (w *world) alwaysLogsIn(p phase) func(*visit) {
	return func(v *visit) {
		if c, ok := w.holds("prod", prodSecret); ok && !w.logsIn(c.value) {
			w.t.Errorf("after %s the client secret that is stored logs in no more", v.point)
		}
		if p.former == stays && w.earlier != "" && !w.logsIn(w.earlier) {
			w.t.Errorf("after %s the client secret that queued jobs hold logs in no more", v.point)
		}
	}
}

// former checks what became of the client secret that there was before the phase.
func (w *world) former(p phase) {
	w.t.Helper()
	if works := w.logsIn(w.earlier); w.earlier != "" && works != (p.former == stays) {
		w.t.Errorf("the client secret from before logs in: %v; it %s", works, p.former)
	}
}
