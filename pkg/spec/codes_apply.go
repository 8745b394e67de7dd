package spec

// applyCodes are about applies that are refused before their first write.
func applyCodes() []Code {
	return []Code{
		{"apply/stale-plan", "a step of a saved plan does not stand in a plan made now",
			"somebody else changed what the step is about, the spec changed, or the step was done already",
			"make a new plan, look at it, and apply that; nothing was changed",
			"mlopsctl apply plan.json, a day later"},
		{"apply/unknown", "an apply would have to write what these credentials cannot read",
			"a permission is missing, so nobody can say what the apply would do",
			"give the credentials the permission that the message names, or narrow the apply with --only",
			"a token that may not read a repository's rulesets"},
		{"apply/not-approved", "the plan was shown and not approved",
			"the answer at the terminal was not yes",
			"apply again, and answer yes or pass --auto-approve",
			"mlopsctl apply, answered with no"},
	}
}
