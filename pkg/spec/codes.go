package spec

import (
	"cmp"
	"slices"
)

// Code documents one code of a diagnostic. Codes are stable: scripts branch on them.
type Code struct {
	Code    string `json:"code"`
	Summary string `json:"summary"` // what is wrong, in general
	Cause   string `json:"cause"`   // how it comes about
	Fix     string `json:"fix"`     // what to do
	Example string `json:"example"` // what stands in the file or happens when it is reported
}

// Codes returns every code that a diagnostic of the program may have, sorted: those of the spec,
// and those that the plan and the command line give.
func Codes() []Code {
	all := slices.Concat(fileCodes(), schemaCodes(), nameCodes(), referenceCodes(), meaningCodes(), runCodes(), planCodes(), applyCodes(), ledgerCodes(), ciCodes(), policyCodes())
	slices.SortFunc(all, func(a, b Code) int { return cmp.Compare(a.Code, b.Code) })
	return all
}

// runCodes are given outside of this package, to what only live state shows.
func runCodes() []Code {
	return []Code{
		{"plan/cannot-be-done-here", "a step could not be carried out from here and now",
			"the services would allow it, but something that the step needs is not given here, most often a secret's value",
			"set what the message names before an apply; a plan alone needs none of it",
			"a secret's env: names a variable that is not set"},
		{"plan/cannot-be-renamed", "an entry of moved is about what its service cannot rename",
			"the kind of object has one name for its life",
			"take the entry out of moved; then the new one is made, and the old one deleted",
			"moved: [{ from: secret/OLD, to: secret/NEW }]"},
		{"plan/branch-behind", "a branch lacks commits of the one that it was created off",
			"work has been merged since the last promotion",
			"promote it when that is meant: mlopsctl promote opens the pull request",
			"main is 3 commits ahead of release"},
		{"plan/contradiction", "two parts of the spec wish different things of one live object",
			"two targets share a workspace, a principal or a catalog, and say different things about it",
			"keep one of the two places that the message names",
			"two targets on one workspace bind one catalog differently"},
		{"plan/read-failed", "a live object could not be read",
			"a service answered with an error, or did not answer",
			"do what the message says, and plan again; nothing was changed",
			"500 from GET /api/2.1/unity-catalog/catalogs/prod"},
		{"plan/repository-may-be-hidden", "a private repository may be there though these credentials do not see it",
			"GitHub answers 404 both for a repository that is missing and for one that a token may not see",
			"check that the token may see the repository before an apply creates it",
			"GITHUB_TOKEN is a fine-grained token that was not given the repository"},
		{"plan/not-compared", "a secret's value from outside could not be compared with the one that was stored",
			"the plan runs where the value cannot be read, such as a pull request's job",
			"nothing, if it has not changed; else plan where env: or file: can be read, or use secrets rotate",
			"MLOPS_WORKFLOW_TOKEN is not set where the plan runs"},
		{"plan/spare-secret", "a principal has a valid OAuth secret that the stack stores nowhere",
			"an apply was ended between issuing a secret and storing it, or a renewal left the one before in place",
			"delete the ones that the message names, unless somebody uses them: databricks account service-principal-secrets delete",
			"the machine went down in the middle of an apply"},
		{"plan/token-lives-one-hour", "an access token lives for one hour",
			"the spec stores an access token, as the guide says, and no service issues one that lives longer",
			"use ci_auth: oidc, which needs no secret, or oauth_secret, which lives for months",
			"ci_auth: access_token"},
		{"plan/unauthorized", "the credentials for a host are missing, expired or rejected",
			"no profile and no variable of the environment serves the host, or what they hold is no longer valid",
			"log in to the host that the message names",
			"401 from a workspace"},
		{"cli/usage", "the command line cannot be understood",
			"a flag or an argument is unknown, missing or contradicts another",
			"see the command's --help",
			"mlopsctl plan --parallelism 0"},
		{"cli/failed", "the run ended because of an error outside of the spec",
			"a file, a service or this machine refused something",
			"do what the message says",
			"a plan file that cannot be read"},
		{"cli/interrupted", "the run was interrupted",
			"an interrupt from the keyboard or from the system",
			"run it again; what was done stays done",
			"Ctrl-C during a plan"},
		{"cli/timeout", "the time of --timeout is over",
			"the services were slower than the run was given time for",
			"give it more time, and run it again",
			"--timeout 10s"},
	}
}

// fileCodes are about the file and the way it is written.
func fileCodes() []Code {
	return []Code{
		{"spec/file", "the spec cannot be read", "the path names nothing, a folder without a spec, something that is not a regular file, or a file beyond 1 MiB",
			"name the spec with -f; examples/minimal is the shortest useful one", "mlopsctl plan -f no-such.yaml"},
		{"spec/encoding", "the file is not UTF-8", "an editor saved it in another encoding", "save it as UTF-8", "a file in Latin-1 or UTF-16"},
		{"spec/character", "a character that cannot be seen", "control characters, and those that change the direction of text or its width to nothing, hide what a reviewer approves",
			"remove it", "a zero-width space inside a host's name"},
		{"spec/tab", "a tab", "YAML readers disagree about tabs", "indent and separate with spaces", "git:⇥{}"},
		{"spec/empty", "the spec is empty", "the file holds nothing but white space and comments", "write at least version, name and git.repository", "# nothing yet"},
		{"spec/syntax", "the file is not YAML", "a quotation mark or a bracket is open, or lines are indented in different ways", "mend the place that the message names", "name: \"demo"},
		{"spec/second-document", "a second YAML document", "a line --- or ... ends the first, and most readers would not see the second", "put it into a file of its own", "---\nname: a\n---\nname: b"},
		{"spec/size", "the spec holds more values than any stack needs", "more than 20000 keys, items and values", "split it: one stack is one repository", "a generated file"},
		{"spec/depth", "the file is nested too deep", "no key of the spec lies below 32 levels", "write the value where it belongs", "a: [[[[…"},
		{"spec/alias", "an alias repeats too much", "an alias that stands inside its own anchor never ends, and aliases of aliases grow without limit", "write the values out", "a: &a [*a]"},
		{"spec/merge-key", "the merge key <<", "YAML 1.2 knows none, and what overrides what is easily misread", "write the keys out", "prod: { <<: *staging }"},
		{"spec/key", "a key that is not text", "an unquoted number, truth value or list stands as a key", "quote it", "2024: {}"},
		{"spec/duplicate-key", "a key stands twice in one mapping", "most readers would silently take the second", "keep one", "dev: {}\ndev: {}"},
		{"spec/null", "a key without a value", "nothing, ~ or null: it could mean absent, empty or zero, which are three things here", "leave the key out, or give it a value", "environment:"},
		{"spec/ambiguous-boolean", "an unquoted yes, no, on, off, y or n", "YAML 1.1 takes it for a truth value, YAML 1.2 for text", "write true or false, or quote it", "default: yes"},
		{"spec/ambiguous", "unquoted text that some readers take for a time or a number", "dates, and digits with colons", "quote it", "description: 2024-01-01"},
		{"spec/number", "a number that readers take differently, or that would lose digits", "octal, hexadecimal, underscores, exponents, or more than 15 digits", "write decimal digits, or quote it if it is text", "id: 12345678901234567890"},
		{"spec/tag", "a YAML tag", "the spec has plain values only", "write the value itself", "file: !include x.yaml"},
		{"spec/credential", "a value looks like a credential", "a token, a key or a password stands in the file, in a comment, or came in by ${env.…} or ${var.…}",
			"take it out, revoke it, and let a secret's value enter by env:, file: or command:", "TOKEN: { value: a token of Databricks }"},
		{"spec/interpolation", "${…} that nobody knows, or in a key", "only ${var.NAME} and ${env.NAME} stand for values, and only in values", "write $${ for a plain ${", "name: ${NAME}"},
		{"spec/unset", "${var.NAME} or ${env.NAME} has no value", "the flag --var or the environment does not give it", "give it", "host: ${env.MLOPS_HOST}"},
		{"spec/env-closed", "${env.NAME} may not read that name", "a spec in a pull request may be anybody's, so only names that begin with MLOPS_ are open to it",
			"rename the variable, or allow it with --allow-env NAME", "name: ${env.HOME}"},
		{"spec/env-secret", "${env.NAME} names what a secret enters by", "the plan would show the secret's value", "use another variable", "description: ${env.MLOPS_TOKEN}"},
	}
}
