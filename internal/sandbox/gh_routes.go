package sandbox

// githubRoutes registers everything that GitHub's host answers: REST, git and GraphQL.
func (s *Sandbox) githubRoutes() {
	for _, routes := range [][]ghRoute{ghAccountRoutes(), ghRepoRoutes(), ghRefRoutes(), ghBranchRoutes(), ghObjectRoutes(), ghRunRoutes(), ghContentRoutes(),
		ghRulesetRoutes(), ghVaultRoutes(), ghEnvironmentRoutes(), ghActionsRoutes(), ghForkRoutes(), ghPullRoutes(), ghCommentRoutes(), ghIssueRoutes()} {
		s.rest(routes)
	}
	s.gitRoutes()
	s.graphqlRoutes()
}
