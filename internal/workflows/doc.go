// Package workflows writes what a repository's CI runs: the GitHub Actions files of its MLOps Stacks
// projects, and the lines of their databricks.yml that follow from the targets. It is a function of
// values: it reads no file and asks nobody.
//
// What the files promise, and the tests of this package hold them to: every action is pinned by its
// commit; a job has only the rights that it needs; no job of a pull request sees production's
// credentials, and one from a fork sees none; nothing that somebody else could have written reaches a
// shell as code; and the one check to require always reports.
package workflows
