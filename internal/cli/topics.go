package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/pkg/ledger"
)

// topics are the texts that belong to no single command: mlopsctl help TOPIC.
func topics() []*cobra.Command {
	return []*cobra.Command{
		{
			Use: "exit-codes", Short: "What the exit codes mean",
			Long: `Exit codes:

    0  done, or nothing to do
    1  an error, and nothing was changed; or verify found something that does not hold
    2  plan or ci with --detailed-exitcode: there are changes
    3  the spec is invalid, or the command line is
    4  credentials are missing or rejected, or lack what an apply needs: nothing was changed; doctor
       exits with it when anything that is needed is missing
    5  refused: a saved plan that is out of date, a plan that was not approved or that a rule under policy
       refuses, a delete of more than it should be, or a ledger that another apply holds or that takes no
       push; nothing was changed
    6  applied in part
  130  interrupted

blocked steps do not fail an apply: it exits with 0 and names them. destroy and secrets rotate end as
apply does.`,
		},
		ledgerTopic(),
		{
			Use: "environment", Short: "The environment variables that are read",
			Long: `Environment variables:

  DATABRICKS_*, ARM_*, GOOGLE_*   credentials for Databricks, as its own tools read them, where no profile
                                  of ~/.databrickscfg (or DATABRICKS_CONFIG_FILE) is for the host
  GITHUB_TOKEN, GH_TOKEN          credentials for GitHub, on an Enterprise Server after GH_ENTERPRISE_TOKEN and
                                  GITHUB_ENTERPRISE_TOKEN; then MLOPSCTL_GITHUB_APP_ID,
                                  MLOPSCTL_GITHUB_APP_INSTALLATION_ID and MLOPSCTL_GITHUB_APP_PRIVATE_KEY;
                                  then what the gh CLI has stored
  MLOPSCTL_TRUSTED_HOSTS          hosts, with commas between, that a credential may go to besides the
                                  services' own domains
  MLOPS_*                         what the spec may read as ${env.NAME}
  NO_COLOR, TERM=dumb             no colours

With --sandbox no login is read: the sandbox has an operator of its own. What a secret's env: names is
read as ever, unless it is the name of a login.`,
		},
		{
			Use: "sandboxes", Short: "How the local stand-in works",
			Long: `--sandbox [DIR] answers every host that the spec names from a local stand-in of the Databricks account,
its workspaces and GitHub, kept in DIR (default ` + defaultSandbox + `) between runs. It begins with what the
guide presumes; a file world.yaml beside the spec adds the rest (groups, teams, tables, objects of other
people) when the sandbox is begun. It refuses what the real services refuse. Its operator has every
right, unless world.yaml names other logins under operator: (docs/doctor.md).

  mlopsctl apply --sandbox --auto-approve
  mlopsctl sandbox state
  mlopsctl sandbox reset --world other.yaml
  mlopsctl sandbox serve                     the same on loopback ports, for other tools`,
		},
	}
}

func ledgerTopic() *cobra.Command {
	return &cobra.Command{
		Use: "ledger", Short: "What is remembered, what is deleted, and who may apply",
		Long: `Live state decides what a plan says. The ledger holds what live state cannot tell: which objects this
stack made and which it adopted, and what is recorded of its secrets, never a value. It lies in the
stack's repository on ` + ledger.StateRef + `, a commit for each version, so that its history is the audit log.

What left the spec:
  made here      deleted, if a second witness says so: our mark on the live object, or its wish in a
                 committed version of the spec; else released
  adopted        released: it stays, and is no longer managed; deleted only with --allow-destroy ADDRESS
  guarded        repository, branch, environment, service principal, group, catalog, schema and directory
                 hold data or access: deleted only with --allow-destroy KIND|ADDRESS; till then
                 an apply changes nothing, and exits with 5
  --prune=false  nothing is deleted or released

An apply that would delete more than a third of what the stack owns, or all grants of a production
target, needs --allow-mass-delete, even with --auto-approve.

The lease on ` + ledger.LeaseRef + ` keeps a second apply out. It lasts for a minute and is renewed while its
holder works; a second apply waits for --lock-timeout, then exits with 5. It is taken over, and that is
said, once it expired, or when its holder was a process of this machine that no longer runs.

  mlopsctl state show               what the stack owns, what is open, who holds the lease
  mlopsctl state history            who did what, when
  mlopsctl state unlock             remove a lease
  mlopsctl state release ADDRESS    stop managing an object, and keep it

A ledger that is lost costs no live object: everything is adopted again. The token needs contents: write,
and the repository has to let it push to ` + ledger.Prefix + `*, which is no branch.`,
	}
}

// helpCommand is `help [COMMAND | TOPIC]`. Cobra's own exits with 0 for one that does not exist.
func helpCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:               "help [COMMAND | TOPIC]",
		Short:             "Help about a command or a topic",
		ValidArgsFunction: helpable(root),
		RunE: func(_ *cobra.Command, args []string) error {
			cmd, rest, err := root.Find(args)
			if err != nil || len(rest) > 0 {
				return misuse("there is no command and no topic %q", strings.Join(args, " "))
			}
			return cmd.Help()
		},
	}
}
