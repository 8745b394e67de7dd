package rights

import (
	"fmt"
	"strings"
)

// String says for people what a right is.
func (r Right) String() string {
	switch r.Sort {
	case Token:
		return fmt.Sprintf("the token's permission %s: %s", Permission(r.On), r.Level)
	case Role:
		return "the role " + r.Level + " on the repository"
	case Repository:
		return strings.Join(strings.Fields("to create "+r.Level+" repositories in "+r.On), " ")
	case Limit:
		if r.Level == "pull_requests" {
			return "that " + r.On + " lets workflows open pull requests"
		}
		return "that " + r.On + " lets workflows have a token that writes"
	case AccountAdmin:
		return "to be an account admin"
	case Manager:
		return "to be an account admin, or a manager of " + r.On
	case Member:
		return "to be assigned to the workspace"
	case WorkspaceAdmin:
		return "to be a workspace admin"
	case Object:
		return strings.TrimSpace("CAN_MANAGE on " + r.On)
	case Privilege:
		return r.Level + " on " + r.On
	case Manage:
		return "to own " + r.On + ", or MANAGE on it"
	case Grants:
		return "to grant on " + r.On
	default:
		return string(r.Sort)
	}
}

// Permission is how GitHub's pages call a permission.
func Permission(name string) string {
	switch name {
	case "actions_variables":
		return "Variables"
	case "pull_requests":
		return "Pull requests"
	case "organization_administration":
		return "Administration of the organisation"
	default:
		return strings.ToUpper(name[:1]) + name[1:]
	}
}
