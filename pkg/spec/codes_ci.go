package spec

// ciCodes are about the check of pull requests.
func ciCodes() []Code {
	return []Code{
		{"ci/access-loss", "a pull request takes access away",
			"what it removes from the spec, or narrows there, is what somebody gets in by",
			"look whether that is meant; the check does not refuse it",
			"a grant's privileges lose MODIFY"},
		{"ci/behind", "a pull request is behind its base branch",
			"the base branch has got commits since, and only the two ends of the pull request are compared",
			"update the branch to see both together",
			"main went on while the pull request was open"},
		{"ci/data-loss", "a pull request leads to something with data in it being deleted",
			"an object that holds data leaves the spec, or is replaced",
			"look whether that is meant; an apply asks for --allow-destroy besides",
			"a schema that leaves the spec"},
		{"ci/head-checked-out", "a job with the base branch's rights has checked out what a pull request proposes",
			"pull_request_target and its like give a job secrets, and anything that it runs of a checkout may be anybody's",
			"leave the ref of actions/checkout out: mlopsctl ci fetches the proposed spec as data",
			"on: pull_request_target, and actions/checkout with ref: github.event.pull_request.head.sha"},
		{"ci/no-base", "the base branch's spec cannot be read",
			"the clone does not reach back to it, and the token may not read the repository's files",
			"check out with fetch-depth: 0, or give the job's token contents: read",
			"a job with permissions: {}"},
		{"ci/no-head", "the pull request's spec cannot be read as data",
			"at its path lies nothing, a link, a folder, or a file of more than a megabyte",
			"a spec is a plain file, under the same path as on the base branch",
			"mlops.yaml is a symbolic link"},
		{"spec/ci-principal", "the principal that plans pull requests may do more than that",
			"it is the one that applies, or that of a target",
			"give the reader a name of its own",
			"ci: { reader: fares-prod }"},
		{"ci/takes-away", "a pull request deletes or replaces something",
			"it leaves the spec, or cannot be changed in place",
			"look whether that is meant; the check does not refuse it",
			"a variable that leaves the spec"},
	}
}
