// Mlopsctl turns one file, mlops.yaml, into the set-up of an MLOps Stacks project.
package main

import (
	"context"
	"os"

	"github.com/mlopsctl/mlopsctl/internal/cli"
)

func main() {
	cli.RunOnly()
	os.Exit(cli.Run(context.Background(), os.Args[1:], cli.Process()))
}
