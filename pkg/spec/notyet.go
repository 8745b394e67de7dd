package spec

// unsupported are the places of the spec that later versions act on, and what to do until then. A
// last segment may be a value. They are refused by name: ignoring one would promise what nobody does.
func unsupported() map[string]string {
	return map[string]string{
		"service_principals.*.git_credential": "leave it out, and keep doing it by hand",
	}
}

// notYet returns what to do about a place of the spec that this version does not act on.
func notYet(path []string) (string, bool) {
	for pattern, advice := range unsupported() {
		if matches(pattern, path) {
			return advice, true
		}
	}
	return "", false
}
