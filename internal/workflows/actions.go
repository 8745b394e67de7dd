package workflows

// pin is an action at one commit. A tag can be moved by whoever takes its repository over; a commit cannot.
type pin struct{ Action, Commit, Version string }

func (p pin) String() string { return p.Action + "@" + p.Commit + " # " + p.Version }

// pins are all actions that generated files use. The version of setup-cli is that of the Databricks CLI
// which it installs. An Enterprise Server takes artifacts only from the actions of that name before v4.
func pins() map[string]pin {
	return map[string]pin{
		"checkout":            {"actions/checkout", "3d3c42e5aac5ba805825da76410c181273ba90b1", "v7.0.1"},
		"python":              {"actions/setup-python", "5fda3b95a4ea91299a34e894583c3862153e4b97", "v7.0.0"},
		"setup-cli":           {"databricks/setup-cli", "8b7b124dc4f5b9621e959ea61cf4d3dd4e421f67", "v1.9.0"},
		"upload":              {"actions/upload-artifact", "bbbca2ddaa5d8feaa63e36b76fdaad77386f024f", "v7.0.0"},
		"download":            {"actions/download-artifact", "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c", "v8.0.1"},
		"upload-enterprise":   {"actions/upload-artifact", "c24449f33cd45d4826c6702db7e49f7cdb9b551d", "v3.2.1-node20"},
		"download-enterprise": {"actions/download-artifact", "ad191675b41f6a5b46da9a048cb6893812da158b", "v3.1.0-node20"},
	}
}

// defaultRunner is a machine of GitHub's, of a fixed make.
const defaultRunner = "ubuntu-24.04"
