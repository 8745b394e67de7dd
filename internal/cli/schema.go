package cli

import (
	"github.com/spf13/cobra"

	"github.com/mlopsctl/mlopsctl/schemas"
)

func (a *app) schemaCommand() *cobra.Command {
	return &cobra.Command{
		Use:         "schema",
		Short:       "Print the JSON schema of mlops.yaml",
		Long:        "schema prints the JSON schema (2020-12) of mlops.yaml. An editor uses it when the file begins with\n\n  # yaml-language-server: $schema=mlops.schema.json",
		Example:     "  mlopsctl schema > mlops.schema.json",
		Args:        cobra.NoArgs,
		Annotations: takes("json", wholeStack),
		RunE: a.run(func(*cobra.Command, []string) error {
			a.write(schemas.Mlops())
			return nil
		}),
	}
}
