package spec

// ledgerCodes are about what a stack remembers, and about who may write it down.
func ledgerCodes() []Code {
	return []Code{
		{"ledger/read-failed", "the ledger could not be read", "the host of the repository answered with an error, or did not answer",
			"plan again; without the ledger nobody knows what the stack owns, so nothing is changed", "500 from the repository's host"},
		{"ledger/unreadable", "these credentials may not read the ledger", "the token sees the repository, and not its contents",
			"give it `contents: read` to plan, `contents: write` to apply", "a fine-grained token for the settings alone"},
		{"ledger/forbidden", "these credentials may not write the ledger", "an apply records what it makes in the repository",
			"give the token `contents: write`", "an apply with a token that may only read"},
		{"ledger/no-repository", "the repository that the ledger lies in is not there", "this apply was not asked to create it, or the token does not see it",
			"let the same apply create it: `--only repository` beside the rest; if it is there, give the token `contents: write` on it", "apply --only 'grant/*' before the first apply"},
		{"ledger/ref-refused", "the repository takes no push to the ledger's ref", "a ruleset, a hook or the server's configuration refuses it",
			"let the token push to refs/mlopsctl/*, which is no branch", "a push ruleset for every ref"},
		{"ledger/held", "another apply of this stack is at work", "its lease is valid still",
			"wait for it, or give --lock-timeout more; `mlopsctl state unlock` removes the lease of a run that is gone for good", "two CI jobs that apply at once"},
		{"ledger/lease-lost", "the lease of this apply ran out, or was taken over", "the machine slept, or the network was away for longer than a lease lasts",
			"see who else is at work with `mlopsctl state history`, then apply again", "a laptop that was closed during an apply"},
		{"ledger/not-written", "what was done could not be recorded", "the repository refused the last push, or somebody else moved the ledger",
			"apply again: what was made is recognised by what was recorded before it was", "a network that went away"},
		{"ledger/torn", "the ledger is damaged", "somebody edited it, or a push was cut short",
			"go back to a version that is whole, or delete the ref: then everything is adopted again, and nothing deleted", "a ledger that is not JSON"},
		{"ledger/newer", "the ledger was written by a newer version of mlopsctl", "its format is one that this version does not know",
			"use that version, or a newer one", "one machine was updated and another was not"},
		{"ledger/other-stack", "the ledger is another stack's", "the repository was copied, or the stack's name was changed without an entry of moved",
			"say what its name was with `moved`, or delete the ref: then everything is adopted again", "name: changed in the spec"},
		{"ledger/unusable", "the ledger became unusable while an apply was under way", "somebody replaced it",
			"plan again: the plan says what can be done about it", "a push to the ledger's ref by hand"},
		{"ledger/not-ours", "the ledger holds what this program does not make", "somebody else wrote it, or another version of the program",
			"it is left alone; `mlopsctl state release` takes it out of the ledger", "a forged entry"},
	}
}
