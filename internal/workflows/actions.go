package workflows

// pin is an action at one commit. A tag can be moved by whoever takes its repository over; a commit cannot.
type pin struct{ Action, Commit, Version string }

func (p pin) String() string { return p.Action + "@" + p.Commit + " # " + p.Version }

// pins are all actions that generated files use. The version of setup-cli is that of the Databricks CLI
// which it installs.
func pins() map[string]pin {
	return map[string]pin{
		"checkout":  {"actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"},
		"python":    {"actions/setup-python", "5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"},
		"setup-cli": {"databricks/setup-cli", "8b7b124dc4f5b9621e959ea61cf4d3dd4e421f67", "v1.9.0"},
	}
}
