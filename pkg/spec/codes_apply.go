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
		{"apply/missing-right", "an apply would fail half-way, for want of a right",
			"the credentials lack something that one of the plan's changes takes, and that can be seen without writing",
			"get what the message names, in the way that it names; `mlopsctl doctor` looks at everything at once, and `doctor --permissions` lists what an operator needs",
			"a token without the scope workflow, and a first commit with workflow files"},
		{"apply/guarded", "an apply would delete what holds data or access, and it was not named",
			"a repository, branch, environment, service principal, group, catalog, schema or directory that this stack made has left the spec, or the stack is to be destroyed",
			"look at the plan; name what is meant with --allow-destroy, by its kind or its address; let go what stays with `mlopsctl state release`, or pass --prune=false",
			"a schema that was taken out of the spec"},
		{"apply/mass-delete", "an apply would delete much of what the stack owns",
			"it is more than a third of it, or all grants of a production target: most often by a slip in the spec",
			"look at the plan; if all of that is meant, pass --allow-mass-delete",
			"a section of the spec that was commented out"},
		{"apply/ended-early", "an apply ended before its last step",
			"something went wrong that no single step is about",
			"apply again to go on from where it ended",
			"the repository's host went away"},
		{"apply/not-approved", "the plan was shown and not approved",
			"the answer at the terminal was not yes",
			"apply again, and answer yes or pass --auto-approve",
			"mlopsctl apply, answered with no"},
	}
}
