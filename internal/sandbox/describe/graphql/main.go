// Command graphql trims GitHub's published GraphQL schema to what the sandbox executes. Run by hand:
//
//	npm pack @octokit/graphql-schema@15.26.1 && tar xzf octokit-graphql-schema-15.26.1.tgz
//	go run ./internal/sandbox/describe/graphql package/schema.graphql internal/sandbox/graphql_schema.graphql
//
// Types, arguments and nullability are the published ones; only the fields in wishes are kept.
package main

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/formatter"
	"github.com/vektah/gqlparser/v2/parser"
)

// wishes lists the fields to keep, by type. Inputs, enums and scalars that they need are kept whole.
const wishes = `
Query: viewer repository rateLimit
Mutation: createCommitOnBranch updateRefs
RateLimit: cost limit nodeCount remaining resetAt used
User: id databaseId login name
Organization: id databaseId login name
RepositoryOwner: id login
App: databaseId slug id
Team: databaseId slug id name
Repository: id databaseId name nameWithOwner url sshUrl visibility isPrivate isArchived isEmpty isFork isTemplate description homepageUrl owner createdAt updatedAt pushedAt viewerPermission viewerCanAdminister mergeCommitAllowed squashMergeAllowed rebaseMergeAllowed autoMergeAllowed allowUpdateBranch deleteBranchOnMerge mergeCommitTitle mergeCommitMessage squashMergeCommitTitle squashMergeCommitMessage hasIssuesEnabled hasWikiEnabled hasProjectsEnabled hasDiscussionsEnabled webCommitSignoffRequired repositoryTopics defaultBranchRef ref refs object rulesets environments parent
RepositoryTopicConnection: nodes totalCount pageInfo
RepositoryTopic: topic
Topic: name
PageInfo: hasNextPage hasPreviousPage startCursor endCursor
Ref: id name prefix target compare
RefConnection: nodes totalCount pageInfo
Comparison: aheadBy behindBy status
GitObject: oid id
Commit: oid id tree message committedDate url
Tree: oid id entries
Blob: oid id text byteSize isTruncated isBinary
Tag: oid id
TreeEntry: name oid mode type path object
RepositoryRulesetConnection: nodes totalCount pageInfo
RepositoryRuleset: id databaseId name target enforcement updatedAt createdAt source conditions bypassActors rules
RepositoryRuleConditions: refName
RefNameConditionTarget: include exclude
RepositoryRulesetBypassActorConnection: nodes totalCount pageInfo
RepositoryRulesetBypassActor: bypassMode deployKey organizationAdmin repositoryRoleDatabaseId actor
RepositoryRuleConnection: nodes totalCount pageInfo
RepositoryRule: id type parameters
PullRequestParameters: dismissStaleReviewsOnPush requireCodeOwnerReview requireLastPushApproval requiredApprovingReviewCount requiredReviewThreadResolution
RequiredStatusChecksParameters: strictRequiredStatusChecksPolicy requiredStatusChecks
StatusCheckConfiguration: context integrationId
EnvironmentConnection: nodes totalCount pageInfo
Environment: id databaseId name protectionRules
DeploymentProtectionRuleConnection: nodes totalCount pageInfo
DeploymentProtectionRule: databaseId type timeout preventSelfReview reviewers
DeploymentReviewerConnection: nodes totalCount pageInfo
CreateCommitOnBranchPayload: clientMutationId commit ref
UpdateRefsPayload: clientMutationId
`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("usage: graphql SCHEMA OUTPUT")
	}
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	// Not validated: one type of the published file has a field twice.
	document, err := parser.ParseSchema(&ast.Source{Name: args[0], Input: string(text)})
	if err != nil {
		return fmt.Errorf("reading %s: %w", args[0], err)
	}
	schema := &ast.Schema{Types: map[string]*ast.Definition{}}
	for _, d := range document.Definitions {
		schema.Types[d.Name] = d
	}
	var out bytes.Buffer
	formatter.NewFormatter(&out, formatter.WithIndent("  ")).FormatSchema(trim(schema))
	return os.WriteFile(args[1], out.Bytes(), 0o644)
}

func wanted() map[string][]string {
	fields := map[string][]string{}
	for line := range strings.Lines(strings.TrimSpace(wishes)) {
		name, list, _ := strings.Cut(line, ":")
		fields[name] = strings.Fields(list)
	}
	return fields
}

// trim keeps the wished fields, the leaf types that they need, and no descriptions.
func trim(full *ast.Schema) *ast.Schema {
	fields, kept := wanted(), map[string]*ast.Definition{}
	var need func(t *ast.Type)
	keep := func(name string) {
		if kept[name] != nil || full.Types[name] == nil {
			return
		}
		d := *full.Types[name]
		kept[name] = &d
		d.Description, d.Directives = "", nil
		d.EnumValues = bare(d.EnumValues)
		var fieldList ast.FieldList
		for _, f := range full.Types[name].Fields {
			if d.Kind == ast.InputObject || slices.Contains(fields[name], f.Name) {
				copied := *f
				copied.Description, copied.Directives = "", nil
				copied.Arguments = bareArguments(f.Arguments)
				fieldList = append(fieldList, &copied)
				need(f.Type)
				for _, a := range f.Arguments {
					need(a.Type)
				}
			}
		}
		d.Fields = fieldList
	}
	need = func(t *ast.Type) {
		for t.Elem != nil {
			t = t.Elem
		}
		keep(t.NamedType)
	}
	for name := range fields {
		keep(name)
	}
	isKept := func(name string) bool {
		return kept[name] != nil && (kept[name].Kind != ast.Interface || fields[name] != nil)
	}
	for name, d := range kept {
		d.Types = only(d.Types, isKept)
		d.Interfaces = only(d.Interfaces, isKept)
		if (d.Kind == ast.Object || d.Kind == ast.Interface) && len(d.Fields) == 0 {
			panic("nothing is wished of " + name)
		}
	}
	return &ast.Schema{Query: kept["Query"], Mutation: kept["Mutation"], Types: kept, Directives: map[string]*ast.DirectiveDefinition{}}
}

func only(names []string, wanted func(string) bool) []string {
	var list []string
	for _, name := range names {
		if wanted(name) {
			list = append(list, name)
		}
	}
	return list
}

func bare(values ast.EnumValueList) ast.EnumValueList {
	var list ast.EnumValueList
	for _, v := range values {
		list = append(list, &ast.EnumValueDefinition{Name: v.Name})
	}
	return list
}

func bareArguments(arguments ast.ArgumentDefinitionList) ast.ArgumentDefinitionList {
	var list ast.ArgumentDefinitionList
	for _, a := range arguments {
		copied := *a
		copied.Description, copied.Directives = "", nil
		list = append(list, &copied)
	}
	return list
}
