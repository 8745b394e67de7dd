// Package forgetest attacks a stack with what anybody who can push to its repository, or hand a file to
// whoever applies, can write: forged and replayed ledgers, leases, and edited plan files. Whatever they
// say, nothing of other people may be deleted or revoked, nothing is sent to a host that the spec does not
// name, and the program says why it left alone what it was told to take away.
package forgetest
