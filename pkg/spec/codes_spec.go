package spec

// schemaCodes are about keys and values that the schema does not allow.
func schemaCodes() []Code {
	return []Code{
		{"spec/unknown-key", "a key that the spec does not have", "it is misspelt, or stands in the wrong place", "use the key that the message names, or see `mlopsctl explain`", "git: { repositry: acme/demo }"},
		{"spec/missing-key", "a key is missing", "the mapping cannot do without it", "add it", "git: {}"},
		{"spec/wrong-type", "a value of the wrong form", "a list where a mapping is wanted, a number where text is wanted", "write it as the example shows", "targets: [prod]"},
		{"spec/unknown-value", "a value that is not among the allowed ones", "it is misspelt", "use one that the message names", "visibility: secret"},
		{"spec/value", "a value beyond its limits", "too long, too short, too large or empty", "see `mlopsctl explain` for the key", "required_approvals: 99"},
		{"spec/version", "a version of the format that this program does not read", "the spec was written for another version of mlopsctl", "write version: 1", "version: 2"},
		{"spec/repeated", "one thing stands twice", "a list names it twice, or two grants are about one principal and securable", "keep one", "targets: [prod, prod]"},
		{"spec/permission-form", "an entry of permissions that mixes its two forms", "a recipe has grant and targets; a grant spelled out has principal, on and privileges", "make two entries of it, or leave the other form's keys out", "{ grant: training, principal: \"group:x\" }"},
	}
}

// nameCodes are about names that the services refuse.
func nameCodes() []Code {
	return []Code{
		{"spec/name", "not a stack's name", "it goes into policy ids and the name of a ruleset", "lower-case letters, digits and hyphens, at most 40", "name: My Stack"},
		{"spec/repository", "not a repository", "a URL, a name without its owner, or characters that GitHub refuses", "write OWNER/NAME", "repository: https://github.com/acme/demo"},
		{"spec/host", "not a host", "a scheme is missing, or there is more than a scheme, a name and a port", "write https://HOST", "host: prod.cloud.databricks.com"},
		{"spec/host-http", "http:// to a host that is not this machine", "the credential would travel in the clear", "write https://", "host: http://10.0.0.1"},
		{"spec/host-untrusted", "a host that no credential is sent to", "a spec may be anybody's, so it names no new place for a token to go", "if the host is yours, add it to MLOPSCTL_TRUSTED_HOSTS", "host: https://databricks.example.com"},
		{"spec/account-host", "the account's host for a workspace, or a workspace's for the account", "the two have different APIs", "accounts.… for account.host, the workspace's URL for a target", "targets: { prod: { host: https://accounts.cloud.databricks.com } }"},
		{"spec/account-id", "not an account id", "it is a UUID", "copy it from the account console", "id: acme"},
		{"spec/branch-name", "not a branch's name", "git or GitHub refuses it", "follow git's rules for refs", "branches: { \"my branch\": {} }"},
		{"spec/project-name", "not a project's name", "it is the name of a folder unless path says so, and goes into workflows' names", "letters, digits, _, . and -, at most 100", "projects: { \"my project\": {} }"},
		{"spec/target-name", "not a target's name", "it names a GitHub environment and the beginning of secrets", "letters, digits, _ and -, beginning with a letter", "targets: { \"eu:prod\": {} }"},
		{"spec/duplicate-name", "two names that GitHub takes for one", "environments, secrets and variables know no case", "rename one", "targets: { prod: {}, PROD: {} }"},
		{"spec/team", "not a team's slug", "the team's display name is not its slug", "copy the slug from the team's URL", "teams: { ML Leads: push }"},
		{"spec/reviewer", "not a reviewer, or too many", "GitHub takes up to six teams and users", "write team:SLUG or user:LOGIN", "reviewers: [octocat]"},
		{"spec/catalog-name", "not a catalog's name", "Unity Catalog refuses it, keeps it in lower case, or has a catalog of its own by that name", "choose another name", "catalogs: { Prod: {} }"},
		{"spec/schema-name", "not a schema's name", "Unity Catalog refuses it, or has such a schema in every catalog", "choose another name", "schemas: { information_schema: {} }"},
		{"spec/table-name", "not a table of a target's catalog", "a recipe serves several catalogs, so it names SCHEMA.TABLE", "leave the catalog out", "input: prod.demo.features"},
		{"spec/storage-root", "not a storage location", "Unity Catalog takes URLs of object stores", "write s3://, abfss://, gs:// or r2://", "storage_root: /mnt/uc"},
		{"spec/principal", "not a principal", "the kind is missing, or the name is of another form", "write group:NAME, user:EMAIL or service_principal:NAME", "principal: ml-engineers"},
		{"spec/group-name", "not a group's name", "the account refuses it, has a group of its own by that name, or has it already in another case", "choose another name", "groups: { admins: {} }"},
		{"spec/securable", "not a securable", "the kind is missing or unknown, or the name has too few or too many parts", "write catalog:CATALOG, schema:CATALOG.SCHEMA and so on", "on: prod.demo"},
		{"spec/privilege", "not a privilege on that kind of securable", "it is misspelt, a legacy name, or goes on another kind", "use one that the message names", "privileges: [USAGE]"},
		{"spec/object", "not an object of a workspace", "its path is not absolute, it has no name, or every workspace has it", "write directory:/PATH, experiment:/PATH, job:NAME or cluster_policy:NAME; the directory of a principal lies below /Shared", "on: \"directory:Shared/x\""},
		{"spec/level", "not a level on that kind of object", "it is misspelt, or goes on another kind", "use one that the message names", "{ on: \"experiment:/Shared/x\", level: CAN_RUN }"},
		{"spec/actions-name", "not the name of a secret or a variable", "GitHub takes letters, digits and _, no digit first, and keeps GITHUB_ to itself", "rename it", "secrets: { GITHUB_PAT: { env: MLOPS_PAT } }"},
		{"spec/env-name", "not the name of an environment variable", "env names a variable; its value never stands in the spec", "write the variable's name", "env: my-token"},
		{"spec/path", "a path that leads out of the spec's folder", "a spec may be anybody's, so it reads nothing outside of its folder, not through a symbolic link either", "move the file, and name it by a path inside the folder", "file: ../token"},
		{"spec/address", "not the address of something that can be renamed", "the kind is missing or misspelt, its name has another form, or there is only one of its kind", "write it as a plan does, KIND/NAME; the stack's own name is stack/NAME, the repository's repository/OWNER/NAME", "from: old-name"},
		{"spec/lifetime", "not a span of time, or beyond what Databricks allows", "days and hours alone have one length; an OAuth secret lives for two years at most", "write 90d or 24h, at most 730d", "lifetime: 2y"},
	}
}

// referenceCodes are about names that the spec itself must declare.
func referenceCodes() []Code {
	return []Code{
		{"spec/unknown-target", "a target that the spec does not declare", "it is misspelt, or missing from targets", "use the name that the message suggests, or declare it", "targets: [prd]"},
		{"spec/unknown-branch", "a branch that the spec does not declare", "it is misspelt, or missing from branches", "use the name that the message suggests, or declare it", "branch: relase"},
		{"spec/unknown-env", "an environment that the spec does not declare", "an environment goes by its target's name, and only a target with environment: has one", "give the target its environment: {}", "environment: prd"},
		{"spec/unknown-catalog", "a catalog that the spec does not declare", "it is misspelt, or missing from catalogs", "declare it, with exists: true when it is somebody else's", "on: \"catalog:shared\""},
		{"spec/unknown-schema", "a schema that its catalog does not list", "it is misspelt, or others make it", "list it under the catalog's schemas", "schema: mlops_stack_dmo"},
		{"spec/unknown-group", "a group that the spec does not declare", "it is misspelt, or missing from groups", "declare it, with exists: true when it is somebody else's", "service_principals: { demo-prod: { groups: [mlops] } }"},
		{"spec/unknown-principal", "a principal that nothing in the spec uses", "it is misspelt, or the target that ran as it is gone", "name it as a target's service_principal, or leave it out", "service_principals: { demo-prd: { id: … } }"},
		{"spec/deploy-target", "a target of deploy without a principal or a branch", "a deployment is made off the target's branch, by its principal", "give the target both, or leave it out of deploy", "deploy: [dev]"},
		{"spec/no-principal", "a target without a principal where one is needed", "a recipe grants to its targets' principals, and a credential is issued for one", "give the target its service_principal", "{ grant: training, targets: [dev] }"},
		{"spec/target-host", "a target that needs a host", "something is wished on its workspace, and nothing says where that is", "add its host", "prod: { service_principal: demo-prod }"},
		{"spec/target-catalog", "a target whose catalog is not declared", "a recipe grants in the target's catalog, which bears the target's name unless said", "declare the catalog, with exists: true when it is somebody else's", "{ grant: training, targets: [prod] } without catalogs.prod"},
		{"spec/catalog-home", "a catalog of which nobody can say in which metastore it lives", "no target names it, and the targets' workspaces may have several metastores", "add target: to it", "catalogs: { shared: {} }"},
		{"spec/object-target", "an object of which nobody can say in which workspace it is", "the targets have several workspaces, or the principal of a directory runs in none", "add target: to the entry; name the principal as a target's service_principal", "{ principal: \"group:a\", on: \"job:nightly\", level: CAN_VIEW }"},
		{"spec/metastore-target", "a grant of which nobody can say in which metastore it is", "the targets' workspaces may have several metastores", "add target: to it", "on: metastore"},
	}
}

// meaningCodes are about values that contradict each other.
func meaningCodes() []Code {
	return []Code{
		{"spec/default-branch", "more than one default branch, or one that comes from another", "a repository has one default branch, which is there first", "keep one default, without from", "main: { default: true }, release: { default: true }"},
		{"spec/branch-cycle", "branches that come from each other", "none of them could be created first", "let one come from another branch", "a: { from: b }, b: { from: a }"},
		{"spec/profile", "two profiles for one host", "one host has one login", "keep one", "two targets on one workspace with different profiles"},
		{"spec/ci-auth", "a way to log in without anybody to log in as", "ci_auth belongs to a target's service_principal", "name the principal, or leave ci_auth out", "dev: { ci_auth: oidc }"},
		{"spec/oidc-subject", "nothing says which runs may log in as a target's principal", "a federation policy needs an environment or a branch", "give the target an environment, or its branch", "prod: { service_principal: demo-prod }"},
		{"spec/open-environment", "an environment that admits every branch", "without a branch policy a run of any branch gets the environment's token", "add environment.branches", "prod: { branch: release, environment: {} }"},
		{"spec/environment-branch", "an environment that does not admit its target's own branch", "the two keys contradict each other", "add the branch to environment.branches", "prod: { branch: release, environment: { branches: [main] } }"},
		{"spec/foreign-catalog", "settings of a catalog that is somebody else's", "exists: true says that the catalog is never changed", "leave the setting out, or exists: true", "shared: { exists: true, comment: ours }"},
		{"spec/foreign-group", "members of a group that is somebody else's", "exists: true says that the group is never changed", "leave the members out, or exists: true", "ml-engineers: { exists: true, members: [\"user:ada@acme.com\"] }"},
		{"spec/group-cycle", "groups that are members of each other", "the account refuses a group that holds itself, directly or through others", "take one of the memberships out", "a: { members: [\"group:b\"] }, b: { members: [\"group:a\"] }"},
		{"spec/no-workspace", "something in a workspace, of a principal that no target runs as", "entitlements lie in the workspaces of a principal's targets", "name it as a target's service_principal, or leave the key out", "service_principals: { watcher: { entitlements: [workspace-access] } }"},
		{"spec/git-credential", "a Git credential without what its provider logs in with", "AWS CodeCommit needs the name of its user, GitLab the email address", "add username or email to the git_credential", "git_credential: { provider: gitLab, token: { env: GIT_TOKEN } }"},
		{"spec/entitlements", "entitlements that do not go together", "the workspace refuses workspace-consume beside workspace-access and databricks-sql-access", "keep one of the two", "entitlements: [workspace-consume, workspace-access]"},
		{"spec/token-cloud", "a token on behalf of a principal, where the cloud issues none", "Azure's workspaces have no such call", "use oidc, or oauth_secret", "azure: { host: https://adb-1.2.azuredatabricks.net, service_principal: demo, ci_auth: personal_access_token }"},
		{"spec/secret-source", "a secret with no source, or with several", "its value enters by exactly one", "keep one of env, file, command, oauth_secret, access_token and personal_access_token", "TOKEN: { env: A, file: b }"},
		{"spec/rotate-before", "a renewal that never comes, or comes at every apply", "it is shorter than the lifetime of an oauth_secret, and an access token is renewed without it", "leave it out, or make it shorter", "{ oauth_secret: { target: prod, lifetime: 7d }, rotate_before: 14d }"},
		{"spec/overlap", "an overlap of a secret that the stack does not revoke, or beyond its lifetime", "overlap is for an oauth_secret: only that is revoked some time after its replacement was stored", "leave it out, or make it at most the lifetime", "{ env: MLOPS_TOKEN, overlap: 24h }"},
		{"spec/moved", "an entry of moved that contradicts another one, or the rest of the spec", "it moves nothing, several things to one place, something to another kind, in a circle, or what the spec still wishes where it was", "leave one entry for each rename: from the address that the plan had, to the one that it has now", "{ from: branch/main, to: branch/main }"},
		{"spec/project-path", "two projects in one folder", "a folder holds one databricks.yml", "name the folder of each project by path", "a: { path: demo }, b: { path: demo }"},
		{"spec/project-files", "a project's folder holds no databricks.yml here", "path is misspelt, or the files are not in this clone", "mind the path; what is on the default branch already needs no files here", "projects: { mlops_stack_dmo: { code: {} } }"},
		{"spec/dispatch-folder", "a project that the repository's own workflow would look for elsewhere", "the template's deploy-cicd.yml takes a project's name, with _ for -, as its folder", "name the project as the template did, or mend the workflow", "taxi-fares: { path: fares, workflows: dispatch }"},
		{"spec/dispatch-pull-request", "a workflow that may not open the pull request that it is run for", "git.workflow_permissions.create_pull_requests is false, and the template's deploy-cicd.yml uses the workflow's token", "set it to true, or let the workflow use a token of its own", "workflows: dispatch and create_pull_requests: false"},
		{"spec/code-branch", "a project's code on a branch that has another use", "the code waits on a branch of its own until it is reviewed and merged", "name another branch under code", "code: { branch: main }"},
		{"spec/policy-form", "an entry of policy that mixes its forms, or has none", "a rule has name, deny and message; ignore has at and reason; enforce stands alone", "write an entry for each", "{ ignore: policy/stored-secret, enforce: policy/all-privileges }"},
		{"spec/policy-rule", "a rule over the plan that cannot be decided", "it is no CEL, or reads what a change does not have", "mend the place that the message names; `mlopsctl explain policy` lists what a rule can read", "deny: change.after.required_aprovals < 2"},
		{"spec/unknown-policy", "a built-in rule that there is not", "the code is misspelt", "use one that the message names", "{ enforce: policy/stored-secrets }"},
		{"spec/published", "a secret's file that the first commit would push", "the commit's paths hold the file", "keep the secret elsewhere", "paths: [\".\"] and file: token"},
	}
}
