package faulttest

import (
	"slices"
	"testing"
)

// titles are the classes.
func titles() map[string]string {
	return map[string]string{
		"F01": "cut off for good before a change; elsewhere as a process: make test-kill",
		"F02": "cut off for good after a change, without its answer; elsewhere as a process: make test-kill",
		"F03": "cut off for good after the answer to a change; elsewhere as a process: make test-kill",
		"F04": "stopped hard at a change; elsewhere as signals: make test-kill",
		"F05": "the machine's clock is wrong, or jumps",
		"F06": "an answer is lost after the request had its effect",
		"F07": "a connection is cut before the request had its effect",
		"F08": "a service fails: once, thrice, for ever",
		"F09": "timeouts and conflicts",
		"F10": "Databricks limits requests, and says for how long, or not",
		"F11": "GitHub's primary limit",
		"F12": "GitHub's secondary limits",
		"F13": "a quota is used up in the middle of an apply",
		"F14": "a login ends in the middle of a run",
		"F15": "a permission is missing for one kind alone",
		"F16": "a 404 that hides what may not be seen",
		"F17": "a request that is refused for what stands in it",
		"F18": "what was made is not found for a while",
		"F19": "a listing that lags behind",
		"F20": "a read that shows an old value after a write",
		"F21": "a principal that is not known everywhere yet",
		"F22": "somebody changes something between plan and apply",
		"F23": "somebody changes something between a read and the write",
		"F24": "two applies at once; elsewhere as processes: make test-kill",
		"F25": "an object is deleted, or made anew, between plan and apply",
		"F26": "two live objects of one name",
		"F27": "a success that changed nothing",
		"F28": "a service that puts things its own way",
		"F29": "fields of a newer API, missing fields, null and empty",
		"F30": "ids as numbers, as strings, and beyond 2^53",
		"F31": "pages: many, repeated, in a loop",
		"F32": "answers that are no answers",
		"F33": "answers that do not come",
		"F34": "certificates",
		"F35": "names without an address",
		"F36": "proxies",
		"F37": "redirects",
		"F38": "files that cannot be written",
		"F40": "plan files that were damaged, edited, or made elsewhere",
		"F41": "streams that are closed",
		"F42": "each step fails: only what needs it is skipped",
		"F43": "graphs: wide; elsewhere deep and cyclic: go test ./internal/dag ./pkg/spec",
		"F44": "many objects; elsewhere goroutines: the leak check of every package",
		"F45": "a service repeats a secret that it was sent",
		"F46": "a rotation is cut off at each of its requests",
		"F47": "a public key changes between its read and its use",
		"F48": "subjects of jobs' tokens",
		"F39": "ledgers that are torn, forged or another's; elsewhere: go test ./pkg/ledger ./internal/engine",
		"F49": "a plan sends nothing that changes anything: held in every case above; elsewhere: no case of its own",
		"F50": "an apply with nothing to do sends nothing that changes anything: held in every case above; elsewhere: no case of its own",
	}
}

// table is every case there is.
func table(t *testing.T) []faultCase {
	t.Helper()
	rows := withPeople(t, mustRows(t))
	return slices.Concat(
		cuts(rows), clocks(), lostAnswers(rows), failures(rows), conflicts(rows), limits(rows), logins(), refusals(rows),
		lags(rows), meanwhile(rows), twins(), lies(rows), shapes(), pages(), noAnswers(rows), networks(), redirects(),
		files(), planFiles(), streams(), skips(), crowds(), echoes(rows), rotations(rows), subjects(),
	)
}
