package gitrepo

import (
	"cmp"

	git "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
)

// LocalUser returns the name and address that git would put on a commit made in dir, and mlopsctl's
// own where git is not told any.
func LocalUser(dir string) (name, email string) {
	const own, address = "mlopsctl", "mlopsctl@users.noreply.github.com"
	var c *config.Config
	repo, err := git.PlainOpenWithOptions(dir, &git.PlainOpenOptions{DetectDotGit: true})
	if err == nil {
		c, err = repo.ConfigScoped(config.SystemScope)
	} else {
		c, err = config.LoadConfig(config.GlobalScope)
	}
	if err != nil {
		return own, address
	}
	return cmp.Or(c.User.Name, own), cmp.Or(c.User.Email, address)
}
