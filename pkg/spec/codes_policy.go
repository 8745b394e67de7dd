package spec

import "slices"

// policyCodes are given to a plan by rules over it.
func policyCodes() []Code {
	return slices.Concat(builtInCodes(), []Code{
		{"policy/denied", "a rule of the team's own denies a change", "its deny is true for the change, or for the plan as a whole",
			"change what it is about, or the rule, where it is kept", "policy: [{ name: no deletes, deny: summary.delete > 0 }]"},
		{"policy/unseen", "a rule of the team's own hangs on live state that was not looked at", "the check has no credentials, as on a pull request from a fork, or they may not read the object; what the rule says of the wishes alone was judged",
			"it is decided by a plan that may look, and by the apply, at the latest", "deny: change.before.role == \"admin\", on a fork"},
		{"policy/undecided", "a rule of the team's own could not be decided for a change", "it reads a field that the change has no value for, or takes too long",
			"ask for the field by has() first; what cannot be decided counts as denied", "deny: change.after.required_approvals < 2, of a ruleset that leaves"},
	})
}

// builtInCodes are the built-in rules. Each warns, unless policy silences or enforces it.
func builtInCodes() []Code {
	return []Code{
		{"policy/account-users", "everybody in the account is granted something in production", "a grant to account users, on a production target's catalog or what lies in it",
			"grant it to a group that needs it", "{ principal: \"group:account users\", on: \"schema:prod.demo\", privileges: [SELECT] }"},
		{"policy/all-privileges", "ALL_PRIVILEGES is granted", "it holds what is invented later, too, and says nothing of what is needed",
			"list the privileges that are needed", "privileges: [ALL_PRIVILEGES]"},
		{"policy/bypass-actors", "somebody may bypass the protection of a branch", "the stack's ruleset has bypass actors",
			"remove them, or write exclusive: true in the branch's protection", "a ruleset that administrators may bypass"},
		{"policy/long-lived-secret", "a secret lives for more than 90 days", "its lifetime says so",
			"give it a shorter lifetime; it is renewed by itself", "oauth_secret: { target: prod, lifetime: 730d }"},
		{"policy/secret-expires", "a stored secret expires within 14 days", "no apply has renewed it in time",
			"apply, or `mlopsctl secrets rotate NAME`", "an OAuth secret on its 80th day of 90"},
		{"policy/shared-principal", "production runs as the principal of another target", "whoever may deploy the other may change production",
			"give each target a principal of its own", "staging and prod with service_principal: demo"},
		{"policy/stored-secret", "a credential is stored where none is needed", "CI could log in by OIDC, which needs no secret",
			"use ci_auth: oidc", "ci_auth: oauth_secret"},
		{"policy/unguarded-environment", "an environment of production, or the one that the operator applies from, has no reviewers, or admits every branch", "whoever can start a workflow can deploy to production",
			"give the environment reviewers, and the branches that may deploy; those of mlopsctl-apply are set on GitHub, under Settings > Environments", "prod: { environment: {} }"},
		{"policy/unprotected-branch", "production is deployed from a branch without protection", "whoever can push to the branch changes production",
			"give the branch a protection with an approval", "prod: { branch: release } and release: { from: main }"},
		{"policy/wide-workflow-permissions", "the token of every workflow can write", "the default of the repository, for workflows that do not say what they need",
			"write default: read, and let each workflow say what it needs", "workflow_permissions: { default: write }"},
	}
}
